//! What the generated tables are made of: operations and the shapes of their inputs.

/// One operation of a service.
#[derive(Debug)]
pub struct Operation {
    /// Such as `CreateThing`.
    pub name: &'static str,
    /// HTTP method.
    pub method: &'static str,
    /// URI template, such as `/things/{thingName}`.
    pub uri: &'static str,
    /// What else tells it from operations with the same method and path (S3): query parameters (`acl`, `list-type=2`),
    /// headers (`@x-amz-copy-source`).
    pub discriminators: &'static [&'static str],
    /// The input, for operations that are offered and that take one.
    pub input: Option<&'static Shape>,
    /// Whether it is offered.
    pub offered: bool,
}

impl Operation {
    pub(crate) const fn new(
        name: &'static str,
        method: &'static str,
        uri: &'static str,
        discriminators: &'static [&'static str],
        offered: bool,
        input: Option<&'static Shape>,
    ) -> Self {
        Self { name, method, uri, discriminators, input, offered }
    }
}

/// A structure's members.
#[derive(Debug)]
pub struct Shape {
    /// In the model's order.
    pub members: &'static [Member],
}

impl Shape {
    pub(crate) const fn new(members: &'static [Member]) -> Self {
        Self { members }
    }
}

/// One member of a structure.
#[derive(Debug)]
pub struct Member {
    /// The model's name; handlers read it by this one.
    pub name: &'static str,
    /// Where it stands in a request.
    pub location: Location,
    /// Its name there.
    pub wire: &'static str,
    /// Whether a request without it is refused.
    pub required: bool,
    /// What it may be.
    pub kind: &'static Kind,
}

impl Member {
    pub(crate) const fn new(name: &'static str, location: Location, wire: &'static str, kind: &'static Kind) -> Self {
        Self { name, location, wire, required: false, kind }
    }

    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

/// Where a member stands in a REST request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// A label of the path.
    Uri,
    /// A query parameter.
    Query,
    /// A header field.
    Header,
    /// A member of the body's JSON object.
    Body,
    /// The body itself.
    Payload,
}

/// What a value may be.
#[derive(Debug)]
pub enum Kind {
    /// Text; lengths in characters.
    String(Text),
    /// A whole number.
    Integer(Bounds),
    /// Any number.
    Number(Bounds),
    /// `true` or `false`.
    Boolean,
    /// A time.
    Timestamp,
    /// Bytes; base64 in JSON. Lengths in bytes.
    Blob(Bounds),
    /// A list; bounds on its length.
    List(Bounds, &'static Kind),
    /// A map; bounds on its size.
    Map(Bounds, &'static Kind, &'static Kind),
    /// A structure.
    Structure(&'static Shape),
}

/// A lower and an upper bound, both included; `i64::MIN` and `i64::MAX` where there is none.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Not below.
    pub min: i64,
    /// Not above.
    pub max: i64,
}

impl Bounds {
    /// No bound at all.
    pub const NONE: Self = Self { min: i64::MIN, max: i64::MAX };

    pub(crate) const fn new(min: i64, max: i64) -> Self {
        Self { min, max }
    }
}

/// What a text may be.
#[derive(Debug)]
pub struct Text {
    /// On its length.
    pub length: Bounds,
    /// The model's regular expression, empty if there is none.
    pub pattern: &'static str,
    /// The allowed values, empty if any is.
    pub values: &'static [&'static str],
}

impl Text {
    pub(crate) const fn new(length: Bounds, pattern: &'static str, values: &'static [&'static str]) -> Self {
        Self { length, pattern, values }
    }
}
