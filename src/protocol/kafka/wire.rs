//! How each type of a message's field lies on the wire. The declarations of messages are built from these.

use bytes::Bytes;

use super::decoder::{DecodeError, Decoder};
use super::encoder::{Encoder, Splice};
use crate::base::Uuid;

/// Which of its forms a message has: its version, and whether it is "flexible" (KIP-482: compact lengths and
/// tagged fields), which begins at some version of each API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    pub version: i16,
    pub flexible: bool,
}

impl Form {
    pub(super) fn within(self, versions: impl std::ops::RangeBounds<i16>) -> bool {
        versions.contains(&self.version)
    }
}

/// A type that a field can have.
pub trait Wire: Sized {
    /// What a field holds when nobody sets it and its declaration does not say.
    fn initial() -> Self;
    fn write(&self, out: &mut Encoder, form: Form);
    fn read(input: &mut Decoder, form: Form) -> Result<Self, DecodeError>;
    /// No value takes fewer bytes; bounds how many elements an array can claim to have.
    fn least_bytes(form: Form) -> usize;
    /// Any value that survives a round trip in this form.
    #[cfg(test)]
    fn sample(samples: &mut super::tests::Samples, form: Form) -> Self;
}

/// A type with a null of its own: fields of `Option<T>`.
pub trait Nullable: Wire {
    fn write_nullable(value: Option<&Self>, out: &mut Encoder, form: Form);
    fn read_nullable(input: &mut Decoder, form: Form) -> Result<Option<Self>, DecodeError>;
}

macro_rules! fixed {
    ($($type:ty, $name:ident;)*) => {$(
        impl Wire for $type {
            fn initial() -> Self {
                <$type>::default()
            }

            fn write(&self, out: &mut Encoder, _: Form) {
                out.$name(*self);
            }

            fn read(input: &mut Decoder, _: Form) -> Result<Self, DecodeError> {
                input.$name()
            }

            fn least_bytes(_: Form) -> usize {
                size_of::<$type>()
            }

            #[cfg(test)]
            fn sample(samples: &mut super::tests::Samples, _: Form) -> Self {
                samples.number() as $type
            }
        }
    )*};
}

fixed! {
    i8, i8;
    i16, i16;
    i32, i32;
    i64, i64;
    u16, u16;
    f64, f64;
}

impl Wire for bool {
    fn initial() -> bool {
        false
    }

    fn write(&self, out: &mut Encoder, _: Form) {
        out.i8(i8::from(*self));
    }

    fn read(input: &mut Decoder, _: Form) -> Result<bool, DecodeError> {
        input.i8().map(|byte| byte != 0)
    }

    fn least_bytes(_: Form) -> usize {
        1
    }

    #[cfg(test)]
    fn sample(samples: &mut super::tests::Samples, _: Form) -> bool {
        samples.below(2) == 1
    }
}

impl Wire for Uuid {
    fn initial() -> Uuid {
        Uuid::ZERO
    }

    fn write(&self, out: &mut Encoder, _: Form) {
        out.raw(&self.0);
    }

    fn read(input: &mut Decoder, _: Form) -> Result<Uuid, DecodeError> {
        input.array().map(Uuid)
    }

    fn least_bytes(_: Form) -> usize {
        16
    }

    #[cfg(test)]
    fn sample(samples: &mut super::tests::Samples, _: Form) -> Uuid {
        Uuid(std::array::from_fn(|_| samples.number() as u8))
    }
}

impl Wire for String {
    fn initial() -> String {
        String::new()
    }

    fn write(&self, out: &mut Encoder, form: Form) {
        out.string(self, form);
    }

    fn read(input: &mut Decoder, form: Form) -> Result<String, DecodeError> {
        input.string_or_null(form)?.ok_or_else(|| input.null())
    }

    fn least_bytes(form: Form) -> usize {
        if form.flexible { 1 } else { 2 }
    }

    #[cfg(test)]
    fn sample(samples: &mut super::tests::Samples, _: Form) -> String {
        samples.text()
    }
}

impl Nullable for String {
    fn write_nullable(value: Option<&String>, out: &mut Encoder, form: Form) {
        match value {
            Some(text) => out.string(text, form),
            None => out.null_string(form),
        }
    }

    fn read_nullable(input: &mut Decoder, form: Form) -> Result<Option<String>, DecodeError> {
        input.string_or_null(form)
    }
}

impl Wire for Bytes {
    fn initial() -> Bytes {
        Bytes::new()
    }

    fn write(&self, out: &mut Encoder, form: Form) {
        out.length(Some(self.len()), form);
        out.bytes(self);
    }

    fn read(input: &mut Decoder, form: Form) -> Result<Bytes, DecodeError> {
        Bytes::read_nullable(input, form)?.ok_or_else(|| input.null())
    }

    fn least_bytes(form: Form) -> usize {
        length_bytes(form)
    }

    #[cfg(test)]
    fn sample(samples: &mut super::tests::Samples, _: Form) -> Bytes {
        samples.bytes()
    }
}

impl Nullable for Bytes {
    fn write_nullable(value: Option<&Bytes>, out: &mut Encoder, form: Form) {
        match value {
            Some(bytes) => bytes.write(out, form),
            None => out.length(None, form),
        }
    }

    fn read_nullable(input: &mut Decoder, form: Form) -> Result<Option<Bytes>, DecodeError> {
        match input.length_or_null(form)? {
            Some(length) => input.bytes(length).map(Some),
            None => Ok(None),
        }
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn initial() -> Vec<T> {
        Vec::new()
    }

    fn write(&self, out: &mut Encoder, form: Form) {
        out.length(Some(self.len()), form);
        for element in self {
            element.write(out, form);
        }
    }

    fn read(input: &mut Decoder, form: Form) -> Result<Vec<T>, DecodeError> {
        Vec::read_nullable(input, form)?.ok_or_else(|| input.null())
    }

    fn least_bytes(form: Form) -> usize {
        length_bytes(form)
    }

    #[cfg(test)]
    fn sample(samples: &mut super::tests::Samples, form: Form) -> Vec<T> {
        (0..samples.count()).map(|_| T::sample(samples, form)).collect()
    }
}

impl<T: Wire> Nullable for Vec<T> {
    fn write_nullable(value: Option<&Vec<T>>, out: &mut Encoder, form: Form) {
        match value {
            Some(elements) => elements.write(out, form),
            None => out.length(None, form),
        }
    }

    fn read_nullable(input: &mut Decoder, form: Form) -> Result<Option<Vec<T>>, DecodeError> {
        let Some(count) = input.length_or_null(form)? else { return Ok(None) };
        let mut elements = input.room_for(count, T::least_bytes(form))?;
        for _ in 0..count {
            elements.push(T::read(input, form)?);
        }
        Ok(Some(elements))
    }
}

/// A field that can be null in every version it has. Where only newer versions know null, the declaration says so.
/// Kafka starts such fields with the empty value and not with null, unless the declaration says `= None`.
impl<T: Nullable> Wire for Option<T> {
    fn initial() -> Option<T> {
        Some(T::initial())
    }

    fn write(&self, out: &mut Encoder, form: Form) {
        T::write_nullable(self.as_ref(), out, form);
    }

    fn read(input: &mut Decoder, form: Form) -> Result<Option<T>, DecodeError> {
        T::read_nullable(input, form)
    }

    fn least_bytes(_: Form) -> usize {
        1
    }

    #[cfg(test)]
    fn sample(samples: &mut super::tests::Samples, form: Form) -> Option<T> {
        (samples.below(4) > 0).then(|| T::sample(samples, form))
    }
}

/// Writes a field that this version does not let be null: null becomes the empty value.
pub(super) fn write_present<T: Nullable>(value: &Option<T>, out: &mut Encoder, form: Form) {
    match value {
        Some(value) => value.write(out, form),
        None => T::initial().write(out, form),
    }
}

/// Record batches in Produce and Fetch.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum RecordsField {
    #[default]
    Null,
    /// Decoded: a slice of the frame. Encoded: copied if small, else spliced into the frame.
    Bytes(Bytes),
    /// Encoded only: so many bytes, which whoever sends the frame puts in.
    Elsewhere(usize),
}

impl RecordsField {
    pub fn len(&self) -> usize {
        match self {
            RecordsField::Null => 0,
            RecordsField::Bytes(bytes) => bytes.len(),
            RecordsField::Elsewhere(length) => *length,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Wire for RecordsField {
    fn initial() -> RecordsField {
        RecordsField::Null
    }

    fn write(&self, out: &mut Encoder, form: Form) {
        match self {
            RecordsField::Null => out.length(None, form),
            RecordsField::Bytes(bytes) => bytes.write(out, form),
            RecordsField::Elsewhere(length) => {
                out.length(Some(*length), form);
                out.splice(Splice::Elsewhere(*length));
            }
        }
    }

    fn read(input: &mut Decoder, form: Form) -> Result<RecordsField, DecodeError> {
        Ok(Bytes::read_nullable(input, form)?.map_or(RecordsField::Null, RecordsField::Bytes))
    }

    fn least_bytes(form: Form) -> usize {
        length_bytes(form)
    }

    #[cfg(test)]
    fn sample(samples: &mut super::tests::Samples, form: Form) -> RecordsField {
        Option::sample(samples, form).map_or(RecordsField::Null, RecordsField::Bytes)
    }
}

fn length_bytes(form: Form) -> usize {
    if form.flexible { 1 } else { 4 }
}
