//! Decimal numbers of 34 digits between 1E-999 and 9.99…E+999, rounded half to even.
use std::cmp::Ordering;
use std::fmt;

/// The digits a number keeps (data types: "up to 34 digits of precision").
pub(crate) const DIGITS_MAX: u32 = 34;
/// The greatest power of ten of the first digit, in either direction (data types: "1E-999 to 9.999…E999").
const EXPONENT_MAX: i32 = 999;
/// The digits a `u128` always has room for.
const ROOM: u32 = 38;
const LIMB: u128 = 10u128.pow(17);
const FULL: u128 = 10u128.pow(DIGITS_MAX);

/// `coefficient × 10^exponent`. Trailing zeros are kept (`32.0` is not `32` until somebody asks for a whole number).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decimal {
    negative: bool,
    magnitude: u128,
    exponent: i32,
}

/// Where a fraction goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    Down,
    Up,
    TowardsZero,
    HalfAwayFromZero,
}

fn digits(magnitude: u128) -> u32 {
    magnitude.checked_ilog10().map_or(1, |log| log + 1)
}

impl Decimal {
    /// Rounds to 34 digits; `None` beyond the range. `more` says that the exact value is a little greater in magnitude than
    /// `magnitude`; it is only allowed with more than 34 digits.
    fn rounded(negative: bool, mut magnitude: u128, mut exponent: i32, more: bool) -> Option<Self> {
        let count = digits(magnitude);
        if count > DIGITS_MAX {
            let cut = count - DIGITS_MAX;
            let unit = 10u128.pow(cut);
            let (kept, rest) = (magnitude / unit, magnitude % unit);
            let up = match rest.cmp(&(unit / 2)) {
                Ordering::Greater => true,
                Ordering::Equal => more || kept % 2 == 1,
                Ordering::Less => false,
            };
            magnitude = kept + u128::from(up);
            exponent += cut as i32;
            if magnitude == FULL {
                magnitude /= 10;
                exponent += 1;
            }
        }
        let first = exponent + digits(magnitude) as i32 - 1;
        let fits = magnitude == 0 || (-EXPONENT_MAX..=EXPONENT_MAX).contains(&first);
        fits.then_some(Self { negative: negative && magnitude != 0, magnitude, exponent })
    }

    pub(crate) fn from_int(int: i128) -> Self {
        Self { negative: int < 0, magnitude: int.unsigned_abs(), exponent: 0 }
    }

    /// The shortest decimal that is this double, with at least one digit after the point; `None` for NaN and infinities.
    pub(crate) fn from_f64(double: f64) -> Option<Self> {
        if double.is_finite() { Self::parse(&format!("{double:?}")) } else { None }
    }

    /// The nearest double.
    pub(crate) fn to_f64(self) -> f64 {
        let text = format!("{}{}e{}", if self.negative { "-" } else { "" }, self.magnitude, self.exponent);
        text.parse().unwrap_or(f64::NAN)
    }

    /// Parses `-?digits(.digits)?([eE][+-]?digits)?`; `None` for other text and beyond the range.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (number, exponent) = match rest.find(['e', 'E']) {
            Some(at) => {
                let power = &rest[at + 1..];
                let unsigned = power.strip_prefix(['+', '-']).unwrap_or(power);
                if unsigned.is_empty() || !unsigned.bytes().all(|b| b.is_ascii_digit()) {
                    return None;
                }
                // A power beyond an i32 is beyond the range, unless the number is zero.
                (&rest[..at], power.parse::<i32>().unwrap_or(if power.starts_with('-') { -1 << 20 } else { 1 << 20 }))
            }
            None => (rest, 0),
        };
        let (whole, fraction) = match number.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (number, ""),
        };
        if whole.is_empty() {
            return None;
        }
        let mut exponent = exponent.clamp(-1 << 20, 1 << 20);
        let (mut magnitude, mut dropped, mut more) = (0u128, 0i32, false);
        for byte in whole.bytes().chain(fraction.bytes()) {
            if !byte.is_ascii_digit() {
                return None;
            }
            let digit = u128::from(byte - b'0');
            if dropped == 0 && magnitude < 10u128.pow(ROOM - 1) {
                magnitude = magnitude * 10 + digit;
            } else {
                dropped = dropped.saturating_add(1);
                more |= digit != 0;
            }
        }
        exponent += dropped - i32::try_from(fraction.len()).ok()?;
        if magnitude == 0 {
            exponent = exponent.clamp(-EXPONENT_MAX, 0);
        }
        Self::rounded(negative, magnitude, exponent, more)
    }

    /// The whole number this is, if it is one of at most 34 digits.
    pub(crate) fn to_int(self) -> Option<i128> {
        let magnitude = if self.magnitude == 0 {
            0
        } else if self.exponent >= 0 {
            let fits = digits(self.magnitude) as i32 + self.exponent <= DIGITS_MAX as i32;
            if !fits {
                return None;
            }
            self.magnitude * 10u128.pow(self.exponent as u32)
        } else {
            let unit = 10u128.checked_pow(self.exponent.unsigned_abs())?;
            if !self.magnitude.is_multiple_of(unit) {
                return None;
            }
            self.magnitude / unit
        };
        let int = i128::try_from(magnitude).ok()?;
        Some(if self.negative { -int } else { int })
    }

    /// This number with at most `places` digits after the point.
    pub(crate) fn to_places(self, places: u32, rounding: Rounding) -> Self {
        let cut = -self.exponent - places as i32;
        if cut <= 0 {
            return self;
        }
        let (kept, rest, half) = match 10u128.checked_pow(cut as u32) {
            Some(unit) => (self.magnitude / unit, self.magnitude % unit, (self.magnitude % unit).cmp(&(unit / 2))),
            None => (0, self.magnitude, Ordering::Less),
        };
        let up = match rounding {
            Rounding::TowardsZero => false,
            Rounding::Down => self.negative && rest != 0,
            Rounding::Up => !self.negative && rest != 0,
            Rounding::HalfAwayFromZero => half != Ordering::Less,
        };
        let magnitude = kept + u128::from(up);
        Self { negative: self.negative && magnitude != 0, magnitude, exponent: -(places as i32) }
    }

    /// Without zeros at the end of the fraction.
    pub(crate) fn stripped(mut self) -> Self {
        while self.exponent < 0 && self.magnitude.is_multiple_of(10) {
            self.magnitude /= 10;
            self.exponent += 1;
        }
        self
    }

    pub(crate) fn abs(self) -> Self {
        Self { negative: false, ..self }
    }

    pub(crate) fn negated(self) -> Self {
        Self { negative: !self.negative && self.magnitude != 0, ..self }
    }

    /// -1, 0 or 1.
    pub(crate) fn sign(self) -> i128 {
        match (self.magnitude, self.negative) {
            (0, _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        }
    }

    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        let (high, low) = if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        if high.magnitude == 0 {
            return Self::rounded(low.negative, low.magnitude, low.exponent, false);
        }
        let distance = high.exponent.abs_diff(low.exponent);
        // Move the point of `high` as far as there is room, and the point of `low` the rest of the way.
        let shift = distance.min(ROOM - 1 - digits(high.magnitude));
        let large = high.magnitude * 10u128.pow(shift);
        let (small, rest) = match 10u128.checked_pow(distance - shift) {
            Some(unit) => (low.magnitude / unit, low.magnitude % unit),
            None => (0, low.magnitude),
        };
        let exponent = high.exponent - shift as i32;
        if high.negative == low.negative {
            return Self::rounded(high.negative, large + small, exponent, rest != 0);
        }
        match large.cmp(&small) {
            // A remainder of `low` makes the difference smaller: one less, and more.
            Ordering::Greater => {
                Self::rounded(high.negative, large - small - u128::from(rest != 0), exponent, rest != 0)
            }
            _ => Self::rounded(low.negative, small - large, exponent, false),
        }
    }

    pub(crate) fn minus(self, other: Self) -> Option<Self> {
        self.plus(other.negated())
    }

    pub(crate) fn times(self, other: Self) -> Option<Self> {
        let negative = self.negative != other.negative;
        let exponent = self.exponent + other.exponent;
        let (a1, a0) = (self.magnitude / LIMB, self.magnitude % LIMB);
        let (b1, b0) = (other.magnitude / LIMB, other.magnitude % LIMB);
        let middle = a0 * b1 + a1 * b0;
        let low = a0 * b0 + (middle % LIMB) * LIMB;
        let high = a1 * b1 + middle / LIMB + low / FULL;
        let low = low % FULL;
        // The product is high × 10^34 + low. Keep 37 digits of it, which is more than enough to round to 34.
        let shift = (ROOM - 1).saturating_sub(digits(high)).min(DIGITS_MAX);
        if high == 0 || shift == DIGITS_MAX {
            return Self::rounded(negative, high * FULL + low, exponent, false);
        }
        let unit = 10u128.pow(DIGITS_MAX - shift);
        let magnitude = high * 10u128.pow(shift) + low / unit;
        Self::rounded(negative, magnitude, exponent + (DIGITS_MAX - shift) as i32, !low.is_multiple_of(unit))
    }

    /// `None` also for division by zero.
    pub(crate) fn divided_by(self, other: Self) -> Option<Self> {
        if other.magnitude == 0 {
            return None;
        }
        let mut exponent = self.exponent - other.exponent;
        let mut quotient = self.magnitude / other.magnitude;
        let mut rest = self.magnitude % other.magnitude;
        while rest != 0 && digits(quotient) < DIGITS_MAX + 2 {
            rest *= 10;
            quotient = quotient * 10 + rest / other.magnitude;
            rest %= other.magnitude;
            exponent -= 1;
        }
        Self::rounded(self.negative != other.negative, quotient, exponent, rest != 0)
    }

    /// What `divided_by` a whole number of times leaves, with the sign of `self`; `None` for division by zero.
    pub(crate) fn remainder(self, other: Self) -> Option<Self> {
        if other.magnitude == 0 {
            return None;
        }
        let exponent = self.exponent.min(other.exponent);
        let mut divisor = other.magnitude;
        for _ in exponent..other.exponent {
            if divisor > FULL {
                return Some(self); // the divisor is greater than any number of this exponent
            }
            divisor *= 10;
        }
        if divisor > FULL * 10 {
            return Some(self);
        }
        let mut rest = self.magnitude % divisor;
        for _ in exponent..self.exponent {
            rest = rest * 10 % divisor;
        }
        Self::rounded(self.negative, rest, exponent, false)
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_sign = self.sign().cmp(&other.sign());
        if by_sign != Ordering::Equal || self.magnitude == 0 {
            return by_sign;
        }
        let first = |d: &Self| d.exponent + digits(d.magnitude) as i32;
        let by_magnitude = first(self).cmp(&first(other)).then_with(|| {
            let exponent = self.exponent.min(other.exponent);
            let level = |d: &Self| d.magnitude * 10u128.pow(d.exponent.abs_diff(exponent));
            level(self).cmp(&level(other))
        });
        if self.negative { by_magnitude.reverse() } else { by_magnitude }
    }
}

impl fmt::Display for Decimal {
    /// Plain down to 0.000001, scientific (`1E+3`) otherwise: what AWS's `BigDecimal` prints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.magnitude.to_string();
        let first = self.exponent + text.len() as i32 - 1;
        if self.negative {
            f.write_str("-")?;
        }
        if self.exponent <= 0 && first >= -6 {
            let places = self.exponent.unsigned_abs() as usize;
            return match text.len().checked_sub(places) {
                _ if places == 0 => f.write_str(&text),
                Some(whole) if whole > 0 => write!(f, "{}.{}", &text[..whole], &text[whole..]),
                _ => write!(f, "0.{text:0>places$}"),
            };
        }
        let (head, tail) = text.split_at(1);
        let point = if tail.is_empty() { "" } else { "." };
        write!(f, "{head}{point}{tail}E{first:+}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap_or_else(|| panic!("`{text}` is a decimal"))
    }

    type Operation = fn(Decimal, Decimal) -> Option<Decimal>;

    #[rustfmt::skip] // rule                                     operation             left   right  result
    const ARITHMETIC: &[(&str, Operation, &str, &str, &str)] = &[
        ("data types: 34 digits",                                Decimal::plus,        "0.1", "0.2", "0.3"),
        ("data types: 34 digits",                                Decimal::plus,        "1E+40", "1", "1.000000000000000000000000000000000E+40"),
        ("rounding half to even, below",                         Decimal::minus,       "1E+40", "1E-50", "1.000000000000000000000000000000000E+40"),
        ("cancellation keeps digits",                            Decimal::minus,       "1.000000000000000000000000000000001", "1", "1E-33"),
        ("data types: 34 digits",                                Decimal::times,       "1.5", "-2", "-3.0"),
        ("34 × 34 digits",                                       Decimal::times,       "9999999999999999999999999999999999", "9999999999999999999999999999999999", "9.999999999999999999999999999999998E+67"),
        ("20 × 20 digits",                                       Decimal::times,       "12345678901234567890", "98765432109876543210", "1.219326311370217952237463801111264E+39"),
        ("/ of Decimals",                                        Decimal::divided_by,  "1", "3", "0.3333333333333333333333333333333333"),
        ("/ of Decimals",                                        Decimal::divided_by,  "1.0", "4", "0.25"),
        ("/ of Decimals",                                        Decimal::divided_by,  "2", "3", "0.6666666666666666666666666666666667"),
        ("% of Decimals",                                        Decimal::remainder,   "-7.5", "2", "-1.5"),
        ("% of Decimals, far apart",                             Decimal::remainder,   "1E+100", "7", "4"),
        ("% of Decimals, far apart",                             Decimal::remainder,   "7", "1E+100", "7"),
    ];

    #[test]
    fn arithmetic() {
        for (rule, operation, left, right, result) in ARITHMETIC {
            let found = operation(decimal(left), decimal(right)).map(|d| d.to_string());
            assert_eq!(found.as_deref(), Some(*result), "{rule}: {left}, {right}");
        }
        assert_eq!(decimal("1").divided_by(decimal("0")), None);
        assert_eq!(decimal("1").remainder(decimal("0")), None);
        assert_eq!(decimal("1E+999").times(decimal("10")), None, "data types: up to 9.99…E999");
        assert_eq!(decimal("1E-999").divided_by(decimal("10")), None, "data types: from 1E-999");
    }

    #[rustfmt::skip] // text                                   printed
    const TEXTS: &[(&str, Option<&str>)] = &[
        ("10.0",                                               Some("10.0")),
        ("-0.0",                                               Some("0.0")),
        ("0.000001",                                           Some("0.000001")),
        ("0.0000001",                                          Some("1E-7")),
        ("1e3",                                                Some("1E+3")),
        ("123E-2",                                             Some("1.23")),
        ("12345678901234567890123456789012345",                Some("1.234567890123456789012345678901234E+34")),
        ("12345678901234567890123456789012355",                Some("1.234567890123456789012345678901236E+34")),
        ("99999999999999999999999999999999999999999999999999", Some("1.000000000000000000000000000000000E+50")),
        ("9.99E999",                                           Some("9.99E+999")),
        ("1E1000",                                             None),
        ("1E99999999999999",                                   None),
        ("0E99999999999999",                                   Some("0")),
        (".5", None), ("5.", None), ("1e", None), ("--1", None), ("", None), ("1 ", None), ("0x1", None),
    ];

    #[test]
    fn text() {
        for (text, printed) in TEXTS {
            assert_eq!(Decimal::parse(text).map(|d| d.to_string()).as_deref(), *printed, "`{text}`");
        }
    }

    #[test]
    fn order_ignores_trailing_zeros() {
        assert_eq!(decimal("1.50"), decimal("1.5"));
        assert!(decimal("-2") < decimal("-1.999"));
        assert!(decimal("1E+50") > decimal("9999999999999999999999999999999999"));
        assert!(decimal("-1") < decimal("0.0"));
    }

    #[test]
    fn places() {
        for (number, down, up, half) in [("1.5", "1", "2", "2"), ("-1.5", "-2", "-1", "-2"), ("1.4", "1", "2", "1")] {
            let to = |rounding| decimal(number).to_places(0, rounding).to_string();
            assert_eq!((to(Rounding::Down), to(Rounding::Up)), (down.into(), up.into()), "{number}");
            assert_eq!(to(Rounding::HalfAwayFromZero), half, "{number}");
        }
        assert_eq!(decimal("-1E-200").to_places(0, Rounding::Down).to_string(), "-1");
        assert_eq!(decimal("2.888").to_places(2, Rounding::TowardsZero).to_string(), "2.88");
        assert_eq!(decimal("1.2500").stripped().to_string(), "1.25");
        assert_eq!(decimal("1E+33").to_int(), Some(10i128.pow(33)));
        assert_eq!((decimal("1E+34").to_int(), decimal("1.5").to_int()), (None, None));
    }
}
