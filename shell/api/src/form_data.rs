//! A form as browsers send it (`multipart/form-data`, RFC 7578): bytes in; the fields, then the file, out.
use bytes::{Bytes, BytesMut};
use memchr::memmem;

/// Everything before the file (S3: "the form data and boundaries (excluding the contents of the file) cannot exceed 20 KB").
pub(crate) const FIELDS_BYTES_MAX: usize = 20 * 1024;
/// RFC 2046 §5.1.1.
const BOUNDARY_BYTES_MAX: usize = 70;

/// What is wrong with a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    /// It is not `multipart/form-data`, or not well-formed.
    #[error("the form is malformed")]
    Malformed,
    /// More than [`FIELDS_BYTES_MAX`] before the file.
    #[error("the fields before the file have more than {FIELDS_BYTES_MAX} bytes")]
    FieldsTooLarge,
}

/// A form under way.
pub(crate) struct FormData {
    /// What parts two fields: `CRLF--boundary`.
    delimiter: Box<[u8]>,
    /// What came and was not given out yet.
    held: BytesMut,
    state: State,
    fields_bytes: usize,
}

enum State {
    /// Before a delimiter. Left by it.
    Preamble,
    /// Behind a delimiter. Left by the end of the field's headers, or of the form.
    Headers,
    /// In a field of this name. Left by a delimiter.
    Value(String),
    /// In the file. Left by a delimiter.
    File,
    /// Behind the file, or the form: what comes is ignored.
    Ended,
}

/// What comes out of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A field, in the order of the form.
    Field { name: String, value: String },
    /// The file begins; its name as the browser said it.
    File { name: Option<String> },
    /// More of the file.
    Bytes(Bytes),
    /// The file, or a form without one, has ended.
    End,
}

impl FormData {
    /// A form whose `Content-Type` this is.
    pub(crate) fn new(content_type: &str) -> Result<Self, FormError> {
        let (kind, parameters) = content_type.split_once(';').ok_or(FormError::Malformed)?;
        let boundary = parameter(parameters, "boundary").filter(|boundary| {
            kind.trim().eq_ignore_ascii_case("multipart/form-data")
                && (1..=BOUNDARY_BYTES_MAX).contains(&boundary.len())
        });
        let delimiter = format!("\r\n--{}", boundary.ok_or(FormError::Malformed)?).into_bytes().into();
        // The first delimiter needs no line before it.
        Ok(Self { delimiter, held: BytesMut::from("\r\n"), state: State::Preamble, fields_bytes: 0 })
    }

    /// Takes in more.
    pub(crate) fn handle_bytes(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// The next piece; `None` until more comes.
    pub(crate) fn poll_piece(&mut self) -> Result<Option<Piece>, FormError> {
        loop {
            let step = self.step()?;
            let fields = !matches!(self.state, State::File | State::Ended);
            let waiting = if step.is_none() && fields { self.held.len() } else { 0 };
            if self.fields_bytes + waiting > FIELDS_BYTES_MAX {
                return Err(FormError::FieldsTooLarge);
            }
            match step {
                None => return Ok(None),
                Some(None) => {}
                Some(piece) => return Ok(piece),
            }
        }
    }

    /// One step on: with a piece or without one. `None` where more has to come first.
    fn step(&mut self) -> Result<Option<Option<Piece>>, FormError> {
        match &mut self.state {
            State::Preamble => {
                let Some(at) = memmem::find(&self.held, &self.delimiter) else { return Ok(None) };
                self.take(at + self.delimiter.len());
                self.state = State::Headers;
                Ok(Some(None))
            }
            State::Headers => {
                if self.held.starts_with(b"--") {
                    self.state = State::Ended;
                    return Ok(Some(Some(Piece::End)));
                }
                let Some(at) = memmem::find(&self.held, b"\r\n\r\n") else { return Ok(None) };
                let headers = self.take(at + 4);
                let headers = std::str::from_utf8(&headers).map_err(|_| FormError::Malformed)?;
                let (name, file_name) = disposition(headers).ok_or(FormError::Malformed)?;
                if name.eq_ignore_ascii_case("file") {
                    self.state = State::File;
                    return Ok(Some(Some(Piece::File { name: file_name })));
                }
                self.state = State::Value(name);
                Ok(Some(None))
            }
            State::Value(name) => {
                let Some(at) = memmem::find(&self.held, &self.delimiter) else { return Ok(None) };
                let name = std::mem::take(name);
                let value = self.take(at);
                self.take(self.delimiter.len());
                self.state = State::Headers;
                let value = std::str::from_utf8(&value).map_err(|_| FormError::Malformed)?.to_owned();
                Ok(Some(Some(Piece::Field { name, value })))
            }
            State::File => match memmem::find(&self.held, &self.delimiter) {
                Some(0) => {
                    self.state = State::Ended;
                    Ok(Some(Some(Piece::End)))
                }
                Some(at) => Ok(Some(Some(Piece::Bytes(self.held.split_to(at).freeze())))),
                // The end may hold the beginning of the delimiter.
                None if self.held.len() < self.delimiter.len() => Ok(None),
                None => {
                    let sure = self.held.len() - (self.delimiter.len() - 1);
                    Ok(Some(Some(Piece::Bytes(self.held.split_to(sure).freeze()))))
                }
            },
            State::Ended => {
                self.held.clear();
                Ok(None)
            }
        }
    }

    fn take(&mut self, bytes: usize) -> Bytes {
        self.fields_bytes += bytes;
        self.held.split_to(bytes).freeze()
    }
}

/// The name and the file's name in a field's headers: `Content-Disposition: form-data; name="key"; filename="a.txt"`.
fn disposition(headers: &str) -> Option<(String, Option<String>)> {
    let mut lines = headers.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"))?;
    let (kind, parameters) = value.split_once(';')?;
    let named = kind.trim().eq_ignore_ascii_case("form-data");
    Some((parameter(parameters, "name").filter(|_| named)?, parameter(parameters, "filename")))
}

/// A parameter of a header: `a=b; c="d"`. In quotes only a quote is escaped: browsers send backslashes of paths as they are.
fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        let (name, value) = rest.split_once('=')?;
        let name = name.trim_start_matches(|c: char| c == ';' || c.is_whitespace()).trim_end();
        let (text, behind) = match value.trim_start().strip_prefix('"') {
            None => {
                let (text, behind) = value.split_once(';').unwrap_or((value, ""));
                (text.trim().to_owned(), behind)
            }
            Some(quoted) => {
                let ends = |(at, c): &(usize, char)| *c == '"' && !quoted[..*at].ends_with('\\');
                let (end, _) = quoted.char_indices().find(ends)?;
                (quoted[..end].replace("\\\"", "\""), &quoted[end + 1..])
            }
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(text);
        }
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=x-Y";

    /// What comes out of a form that comes in pieces of so many bytes; the file's bytes as one.
    fn read(content_type: &str, body: &[u8], at_once: usize) -> Result<Vec<Piece>, FormError> {
        let mut form = FormData::new(content_type)?;
        let mut pieces: Vec<Piece> = Vec::new();
        for bytes in body.chunks(at_once) {
            form.handle_bytes(bytes);
            while let Some(piece) = form.poll_piece()? {
                match (piece, pieces.last_mut()) {
                    (Piece::Bytes(more), Some(Piece::Bytes(bytes))) => *bytes = [&bytes[..], &more].concat().into(),
                    (piece, _) => pieces.push(piece),
                }
            }
        }
        Ok(pieces)
    }

    fn field(name: &str, value: &str) -> Piece {
        Piece::Field { name: name.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn forms() {
        let file = |name: Option<&str>| Piece::File { name: name.map(str::to_owned) };
        let bytes = |bytes: &'static [u8]| Piece::Bytes(Bytes::from_static(bytes));
        let head = "Content-Disposition: form-data; name";
        let table: Vec<(&str, String, Vec<Piece>)> = vec![
            (
                "RFC 7578 §4.2: fields, then a file with its name",
                format!(
                    "--x-Y\r\n{head}=\"key\"\r\n\r\na b\r\n--x-Y\r\n{head}=\"file\"; filename=\"C:\\a.txt\"\r\nContent-Type: text/plain\r\n\r\nbody\r\n--x-Y--\r\n"
                ),
                vec![field("key", "a b"), file(Some("C:\\a.txt")), bytes(b"body"), Piece::End],
            ),
            (
                "an empty value and an empty file",
                format!("--x-Y\r\n{head}=acl\r\n\r\n\r\n--x-Y\r\n{head}=\"file\"\r\n\r\n\r\n--x-Y--"),
                vec![field("acl", ""), file(None), Piece::End],
            ),
            (
                "RFC 2046 §5.1.1: a preamble; what looks like a delimiter within the file",
                format!("hello\r\n--x-Y\r\n{head}=\"file\"\r\n\r\n\r\n--x-\r\n--x\r\n--x-Y--"),
                vec![file(None), bytes(b"\r\n--x-\r\n--x"), Piece::End],
            ),
            (
                "S3: fields behind the file are ignored",
                format!("--x-Y\r\n{head}=\"file\"\r\n\r\nb\r\n--x-Y\r\n{head}=\"key\"\r\n\r\nk\r\n--x-Y--"),
                vec![file(None), bytes(b"b"), Piece::End],
            ),
            (
                "a form without a file",
                format!("--x-Y\r\n{head}=a\r\n\r\nb\r\n--x-Y--"),
                vec![field("a", "b"), Piece::End],
            ),
            (
                "a file that does not end",
                format!("--x-Y\r\n{head}=file\r\n\r\nbcdefghi"),
                vec![file(None), bytes(b"bc")],
            ),
            (
                "a quote in a name",
                format!("--x-Y\r\n{head}=\"a\\\"b\"\r\n\r\nc\r\n--x-Y--"),
                vec![field("a\"b", "c"), Piece::End],
            ),
        ];
        for (rule, form, pieces) in table {
            for at_once in [1, 7, form.len()] {
                assert_eq!(
                    read(TYPE, form.as_bytes(), at_once).as_ref(),
                    Ok(&pieces),
                    "{rule}, {at_once} bytes at once"
                );
            }
        }
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for content_type in
            ["text/plain", "multipart/form-data", "multipart/mixed; boundary=x", "multipart/form-data; boundary="]
        {
            assert_eq!(FormData::new(content_type).err(), Some(FormError::Malformed), "{content_type}");
        }
        assert_eq!(
            read(TYPE, b"--x-Y\r\n\r\n\r\nb\r\n--x-Y--", 5),
            Err(FormError::Malformed),
            "a field without a name"
        );
        assert_eq!(
            read(TYPE, b"--x-Y\r\nContent-Disposition: form-data; name=a\r\n\r\n\xff\r\n--x-Y--", 5),
            Err(FormError::Malformed)
        );
    }

    #[test]
    fn fields_are_bounded_and_the_file_is_not() {
        let form = |before: usize, file: usize| {
            let (before, file) = ("a".repeat(before), "b".repeat(file));
            let head = "Content-Disposition: form-data; name";
            format!("--x-Y\r\n{head}=a\r\n\r\n{before}\r\n--x-Y\r\n{head}=file\r\n\r\n{file}\r\n--x-Y--")
        };
        for at_once in [1000, 1_000_000] {
            assert!(read(TYPE, form(20_000, 100_000).as_bytes(), at_once).is_ok());
            assert_eq!(read(TYPE, form(21_000, 1).as_bytes(), at_once), Err(FormError::FieldsTooLarge));
            assert_eq!(read(TYPE, "a".repeat(30_000).as_bytes(), at_once), Err(FormError::FieldsTooLarge));
        }
    }

    #[test]
    fn nothing_panics_and_pieces_do_not_matter() {
        bolero::check!(name = "form_data").for_each(|bytes: &[u8]| {
            let form = [b"--x-Y\r\nContent-Disposition: form-data; name=file\r\n\r\n", bytes].concat();
            assert_eq!(read(TYPE, &form, 1), read(TYPE, &form, form.len()));
            let _ = (read(TYPE, bytes, 3), FormData::new(&String::from_utf8_lossy(bytes)));
        });
    }
}
