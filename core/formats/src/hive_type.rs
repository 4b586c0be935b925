//! Type strings of a table's columns, such as `array<struct<at:timestamp,value:decimal(10,2)>>` (Glue developer guide,
//! "Column"; Hive language manual, "Hive Data Types").

/// Types inside of types. Each is a level of the file's tree and of our stack.
const DEPTH_MAX: usize = 32;
/// Digits of a decimal (Hive).
const PRECISION_MAX: u8 = 38;
/// Characters of a `varchar` (Hive).
const VARCHAR_MAX: u32 = 65_535;
/// Characters of a `char` (Hive).
const CHAR_MAX: u32 = 255;

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HiveType {
    /// 8 bits.
    TinyInt,
    /// 16 bits.
    SmallInt,
    /// 32 bits; `integer` too.
    Int,
    /// 64 bits.
    BigInt,
    /// IEEE 754, 32 bits.
    Float,
    /// IEEE 754, 64 bits.
    Double,
    /// Exact, base ten.
    Decimal {
        /// Digits.
        precision: u8,
        /// Those behind the point.
        scale: u8,
    },
    /// `true` or `false`.
    Boolean,
    /// Text.
    String,
    /// Text of at most as many characters.
    Varchar(u32),
    /// Text of at most as many characters; trailing blanks do not count.
    Char(u32),
    /// Bytes.
    Binary,
    /// A day.
    Date,
    /// A moment, to the nanosecond.
    Timestamp,
    /// A list.
    Array(Box<HiveType>),
    /// Keys of a scalar type, and values.
    Map(Box<HiveType>, Box<HiveType>),
    /// Named fields.
    Struct(Vec<(String, HiveType)>),
}

impl HiveType {
    /// Reads a type string.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: text };
        let found = reader.read(0)?;
        match reader.peek() {
            None => Ok(found),
            Some(_) => Err(format!("`{}` follows", reader.excerpt())),
        }
    }

    /// Whether it has no types inside.
    pub(crate) fn is_scalar(&self) -> bool {
        !matches!(self, Self::Array(_) | Self::Map(..) | Self::Struct(_))
    }

    /// How many leaves it is in a file.
    pub(crate) fn leaves(&self) -> usize {
        match self {
            Self::Array(element) => element.leaves(),
            Self::Map(_, value) => 1 + value.leaves(),
            Self::Struct(fields) => fields.iter().map(|(_, field)| field.leaves()).sum(),
            _ => 1,
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn read(&mut self, depth: usize) -> Result<HiveType, String> {
        if depth >= DEPTH_MAX {
            return Err(format!("types are nested at most {DEPTH_MAX} deep"));
        }
        let word = self.word(|c| c.is_ascii_alphanumeric() || c == '_').to_ascii_lowercase();
        Ok(match word.as_str() {
            "tinyint" => HiveType::TinyInt,
            "smallint" => HiveType::SmallInt,
            "int" | "integer" => HiveType::Int,
            "bigint" => HiveType::BigInt,
            "float" => HiveType::Float,
            "double" => HiveType::Double,
            "boolean" => HiveType::Boolean,
            "string" => HiveType::String,
            "binary" => HiveType::Binary,
            "date" => HiveType::Date,
            "timestamp" => HiveType::Timestamp,
            "decimal" | "numeric" => self.decimal()?,
            "varchar" => HiveType::Varchar(self.length(VARCHAR_MAX)?),
            "char" => HiveType::Char(self.length(CHAR_MAX)?),
            "array" => {
                self.expect('<')?;
                let element = self.read(depth + 1)?;
                self.expect('>')?;
                HiveType::Array(Box::new(element))
            }
            "map" => {
                self.expect('<')?;
                let key = self.read(depth + 1)?;
                if !key.is_scalar() {
                    return Err("a map's key is of a scalar type".into());
                }
                self.expect(',')?;
                let value = self.read(depth + 1)?;
                self.expect('>')?;
                HiveType::Map(Box::new(key), Box::new(value))
            }
            "struct" => self.fields(depth)?,
            "" => return Err(format!("a type is expected at `{}`", self.excerpt())),
            other => return Err(format!("`{other}` is not known")),
        })
    }

    fn decimal(&mut self) -> Result<HiveType, String> {
        // Hive: `decimal` alone is decimal(10,0).
        if !self.skip('(') {
            return Ok(HiveType::Decimal { precision: 10, scale: 0 });
        }
        let precision = self.number()?;
        let scale = if self.skip(',') { self.number()? } else { 0 };
        self.expect(')')?;
        let fits = (1..=u32::from(PRECISION_MAX)).contains(&precision) && scale <= precision;
        match fits {
            true => Ok(HiveType::Decimal { precision: precision as u8, scale: scale as u8 }),
            false => Err(format!("a decimal has 1 to {PRECISION_MAX} digits, and no more than those behind the point")),
        }
    }

    fn length(&mut self, max: u32) -> Result<u32, String> {
        self.expect('(')?;
        let length = self.number()?;
        self.expect(')')?;
        if (1..=max).contains(&length) { Ok(length) } else { Err(format!("a length is 1 to {max}")) }
    }

    fn fields(&mut self, depth: usize) -> Result<HiveType, String> {
        self.expect('<')?;
        let mut fields: Vec<(String, HiveType)> = Vec::new();
        loop {
            let name = self.word(|c| !matches!(c, ':' | ',' | '<' | '>')).trim_end().to_owned();
            if name.is_empty() {
                return Err(format!("a field's name is expected at `{}`", self.excerpt()));
            }
            self.expect(':')?;
            let field = self.read(depth + 1)?;
            fields.push((name, field));
            if !self.skip(',') {
                break;
            }
        }
        self.expect('>')?;
        let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("field `{}` is there twice", pair[0])),
            None => Ok(HiveType::Struct(fields)),
        }
    }

    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn skip(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.rest = &self.rest[wanted.len_utf8()..];
        }
        found
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.skip(wanted) { Ok(()) } else { Err(format!("`{wanted}` is expected at `{}`", self.excerpt())) }
    }

    fn word(&mut self, of: impl Fn(char) -> bool) -> &'a str {
        self.peek();
        let end = self.rest.find(|c| !of(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn number(&mut self) -> Result<u32, String> {
        let word = self.word(|c| c.is_ascii_digit());
        word.parse().map_err(|_| format!("a number is expected at `{}`", self.excerpt()))
    }

    fn excerpt(&self) -> String {
        self.rest.chars().take(20).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types() {
        use HiveType::*;
        #[rustfmt::skip] // source                        text                                           type, or what the problem names
        let table: Vec<(&str, &str, Result<HiveType, &str>)> = vec![
            ("Hive: numeric types",                       "tinyint",                                     Ok(TinyInt)),
            ("Hive: INTEGER is INT",                      "INTEGER",                                     Ok(Int)),
            ("Hive: decimal alone is decimal(10,0)",      "decimal",                                     Ok(Decimal { precision: 10, scale: 0 })),
            ("Hive: decimal(p) has no scale",             "decimal(5)",                                  Ok(Decimal { precision: 5, scale: 0 })),
            ("Glue: decimal(p,s)",                        "decimal(38,10)",                              Ok(Decimal { precision: 38, scale: 10 })),
            ("Hive: at most 38 digits",                   "decimal(39,1)",                               Err("38")),
            ("Hive: a scale is no more than the digits",  "decimal(4,5)",                                Err("digits")),
            ("Hive: varchar 1 to 65535",                  "varchar(65535)",                              Ok(Varchar(65535))),
            ("Hive: varchar 1 to 65535",                  "varchar(65536)",                              Err("65535")),
            ("Hive: varchar has a length",                "varchar",                                     Err("`(`")),
            ("Hive: char 1 to 255",                       "char(256)",                                   Err("255")),
            ("Hive: complex types",                       "array<int>",                                  Ok(Array(Box::new(Int)))),
            ("Hive: complex types",                       "map<string,array<double>>",                   Ok(Map(Box::new(String), Box::new(Array(Box::new(Double)))))),
            ("Hive: a map's key is primitive",            "map<array<int>,int>",                         Err("scalar")),
            ("Hive: complex types",                       "struct<a:int,b:struct<c:date>>",              Ok(Struct(vec![("a".into(), Int), ("b".into(), Struct(vec![("c".into(), Date)]))]))),
            ("blanks, as consoles write them",            "struct< a : int , b : map< string , int > >", Ok(Struct(vec![("a".into(), Int), ("b".into(), Map(Box::new(String), Box::new(Int)))]))),
            ("a struct has fields",                       "struct<>",                                    Err("name")),
            ("a name stands once",                        "struct<a:int,a:int>",                         Err("twice")),
            ("Firehose: no uniontype",                    "uniontype<int,string>",                       Err("uniontype")),
            ("nothing follows",                           "int int",                                     Err("follows")),
            ("nothing is missing",                        "array<int",                                   Err("`>`")),
        ];
        for (source, text, expected) in table {
            match (HiveType::parse(text), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{source}: {text}"),
                (Err(problem), Err(named)) => assert!(problem.contains(named), "{source}: {text}: {problem}"),
                (found, _) => panic!("{source}: {text}: {found:?}"),
            }
        }
        let nested = |depth: usize| format!("{}int{}", "array<".repeat(depth), ">".repeat(depth));
        assert!(HiveType::parse(&nested(DEPTH_MAX - 1)).is_ok());
        assert!(HiveType::parse(&nested(DEPTH_MAX)).unwrap_err().contains("nested"));
        assert!(HiveType::parse(&nested(1_000_000)).is_err());
    }

    #[test]
    fn text_is_a_type_or_refused_and_never_panics() {
        bolero::check!().for_each(|bytes: &[u8]| {
            const WORDS: [&str; 16] = [
                "int", "struct<", "array<", "map<", "string", ",", ":", ">", "(", ")", "a", "é", "decimal", "9", " ",
                "char",
            ];
            let _ = HiveType::parse(&String::from_utf8_lossy(bytes));
            let words: String = bytes.iter().map(|byte| WORDS[usize::from(byte % 16)]).collect();
            let _ = HiveType::parse(&words);
        });
    }
}
