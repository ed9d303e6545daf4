//! The declarative form in which every message is written down, and what it yields.
//!
//! ```text
//! messages! {
//!     /// What it is for, and which KIPs changed it.
//!     ExampleRequest {
//!         name: String,                              in every version
//!         rack: Option<String> [3..] = None,         since version 3; may be null; starts as null
//!         replica_id: i32 [..=14] = -1,              up to version 14; -1 unless set
//!         topics: Option<Vec<Topic>> [.., null 1..], in every version, but null only since 1
//!         epoch: i64 [12.., tag 0] = -1,             tagged field 0; left out while it is -1
//!     }
//!     Topic { .. }                                   a struct used above; same versions
//! }
//! ```
//!
//! Names are those of Kafka's schemas in snake_case, defaults are Kafka's. A field without `=` starts as zero, empty
//! or false (an `Option` as the empty value: Kafka's rule). A field that a version lacks is not sent, and
//! keeps its default when read. Which versions are flexible is said once per API, in `api_key.rs`.

use super::api_key::ApiKey;
use super::decoder::{DecodeError, Decoder};
use super::encoder::Encoder;

/// A request, a response, or a versioned structure inside one. Versions are those of its API; whoever calls
/// has compared them with `ApiKey::versions`.
pub trait Message: Sized {
    fn encode(&self, out: &mut Encoder, version: i16);
    fn decode(input: &mut Decoder, version: i16) -> Result<Self, DecodeError>;
}

/// A message that a client sends, and what is answered to it.
pub trait Request: Message {
    const KEY: ApiKey;
    type Response: Message;
}

macro_rules! messages {
    ($(
        $(#[$doc:meta])*
        $name:ident {
            $($(#[$field_doc:meta])* $field:ident: $type:ty $([$($rules:tt)*])? $(= $default:expr)?,)*
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $($field: field!(@default $type, $($default)?),)* }
            }
        }

        impl $crate::protocol::kafka::wire::Wire for $name {
            fn initial() -> Self {
                $name::default()
            }

            fn write(&self, out: &mut $crate::protocol::kafka::Encoder, form: $crate::protocol::kafka::wire::Form) {
                $(field!(@write &self.$field, out, form, $($($rules)*)?);)*
                if form.flexible {
                    #[allow(unused_mut)]
                    let mut tags = 0;
                    $(
                        field!(
                            @count_tag self.$field, field!(@default $type, $($default)?), tags, form,
                            $($($rules)*)?
                        );
                    )*
                    out.uvarint(tags);
                    $(
                        field!(
                            @write_tag self.$field, field!(@default $type, $($default)?), out, form,
                            $($($rules)*)?
                        );
                    )*
                }
            }

            fn read(
                input: &mut $crate::protocol::kafka::Decoder,
                form: $crate::protocol::kafka::wire::Form,
            ) -> Result<Self, $crate::protocol::kafka::DecodeError> {
                #[allow(unused_mut)]
                let mut message = $name::default();
                $(
                    field!(
                        @read message.$field, concat!(stringify!($name), ".", stringify!($field)), input, form,
                        $($($rules)*)?
                    );
                )*
                if form.flexible {
                    input.reading(concat!(stringify!($name), "'s tagged fields"));
                    for _ in 0..input.uvarint()? {
                        input.tagged(|tag, input| {
                            $(
                                field!(
                                    @read_tag message.$field, concat!(stringify!($name), ".", stringify!($field)),
                                    tag, input, form, $($($rules)*)?
                                );
                            )*
                            let _ = (tag, input);
                            Ok($crate::protocol::kafka::decoder::Tag::Unknown)
                        })?;
                    }
                }
                Ok(message)
            }

            fn least_bytes(form: $crate::protocol::kafka::wire::Form) -> usize {
                usize::from(form.flexible) $(+ field!(@least $type, form, $($($rules)*)?))*
            }

            #[cfg(test)]
            fn sample(
                samples: &mut $crate::protocol::kafka::tests::Samples,
                form: $crate::protocol::kafka::wire::Form,
            ) -> Self {
                let mut message = $name::default();
                $(field!(@sample message.$field, samples, form, $($($rules)*)?);)*
                let _ = (samples, form);
                message
            }
        }

        impl $crate::protocol::kafka::wire::Nullable for $name {
            fn write_nullable(
                value: Option<&Self>,
                out: &mut $crate::protocol::kafka::Encoder,
                form: $crate::protocol::kafka::wire::Form,
            ) {
                match value {
                    Some(value) => {
                        out.i8(1);
                        $crate::protocol::kafka::wire::Wire::write(value, out, form);
                    }
                    None => out.i8(-1),
                }
            }

            fn read_nullable(
                input: &mut $crate::protocol::kafka::Decoder,
                form: $crate::protocol::kafka::wire::Form,
            ) -> Result<Option<Self>, $crate::protocol::kafka::DecodeError> {
                if input.i8()? < 0 {
                    return Ok(None);
                }
                $crate::protocol::kafka::wire::Wire::read(input, form).map(Some)
            }
        }
    )*};
}

/// What one field contributes to each function above; its rules are those in brackets.
macro_rules! field {
    (@default $type:ty,) => {
        <$type as $crate::protocol::kafka::wire::Wire>::initial()
    };
    (@default $type:ty, $default:expr) => {
        $default
    };

    (@write $value:expr, $out:ident, $form:ident,) => {
        $crate::protocol::kafka::wire::Wire::write($value, $out, $form)
    };
    (@write $value:expr, $out:ident, $form:ident, $versions:expr) => {
        if $form.within($versions) {
            $crate::protocol::kafka::wire::Wire::write($value, $out, $form);
        }
    };
    (@write $value:expr, $out:ident, $form:ident, $versions:expr, null $null:expr) => {
        if $form.within($versions) {
            if $form.within($null) {
                $crate::protocol::kafka::wire::Wire::write($value, $out, $form);
            } else {
                $crate::protocol::kafka::wire::write_present($value, $out, $form);
            }
        }
    };
    (@write $value:expr, $out:ident, $form:ident, $versions:expr, tag $tag:literal) => {};

    (@count_tag $value:expr, $default:expr, $tags:ident, $form:ident, $versions:expr, tag $tag:literal) => {
        if $form.within($versions) && $value != $default {
            $tags += 1;
        }
    };
    (@count_tag $value:expr, $default:expr, $tags:ident, $form:ident, $($rules:tt)*) => {};

    (@write_tag $value:expr, $default:expr, $out:ident, $form:ident, $versions:expr, tag $tag:literal) => {
        if $form.within($versions) && $value != $default {
            $out.tagged($tag, |out| $crate::protocol::kafka::wire::Wire::write(&$value, out, $form));
        }
    };
    (@write_tag $value:expr, $default:expr, $out:ident, $form:ident, $($rules:tt)*) => {};

    (@read $place:expr, $what:expr, $input:ident, $form:ident,) => {
        $input.reading($what);
        $place = $crate::protocol::kafka::wire::Wire::read($input, $form)?;
    };
    (@read $place:expr, $what:expr, $input:ident, $form:ident, $versions:expr) => {
        if $form.within($versions) {
            $input.reading($what);
            $place = $crate::protocol::kafka::wire::Wire::read($input, $form)?;
        }
    };
    (@read $place:expr, $what:expr, $input:ident, $form:ident, $versions:expr, null $null:expr) => {
        if $form.within($versions) {
            $input.reading($what);
            $place = if $form.within($null) {
                $crate::protocol::kafka::wire::Wire::read($input, $form)?
            } else {
                Some($crate::protocol::kafka::wire::Wire::read($input, $form)?)
            };
        }
    };
    (@read $place:expr, $what:expr, $input:ident, $form:ident, $versions:expr, tag $tag:literal) => {};

    (@read_tag $place:expr, $what:expr, $found:ident, $input:ident, $form:ident, $versions:expr, tag $tag:literal) => {
        if $found == $tag && $form.within($versions) {
            $input.reading($what);
            $place = $crate::protocol::kafka::wire::Wire::read($input, $form)?;
            return Ok($crate::protocol::kafka::decoder::Tag::Read);
        }
    };
    (@read_tag $place:expr, $what:expr, $found:ident, $input:ident, $form:ident, $($rules:tt)*) => {};

    (@least $type:ty, $form:ident,) => {
        <$type as $crate::protocol::kafka::wire::Wire>::least_bytes($form)
    };
    (@least $type:ty, $form:ident, $versions:expr, tag $tag:literal) => {
        0
    };
    (@least $type:ty, $form:ident, $versions:expr $(, null $null:expr)?) => {
        if $form.within($versions) { <$type as $crate::protocol::kafka::wire::Wire>::least_bytes($form) } else { 0 }
    };

    (@sample $place:expr, $samples:ident, $form:ident,) => {
        $place = $crate::protocol::kafka::wire::Wire::sample($samples, $form);
    };
    (@sample $place:expr, $samples:ident, $form:ident, $versions:expr, null $null:expr) => {
        if $form.within($null) {
            $place = $crate::protocol::kafka::wire::Wire::sample($samples, $form);
        } else if $form.within($versions) {
            $place = Some($crate::protocol::kafka::wire::Wire::sample($samples, $form));
        }
    };
    (@sample $place:expr, $samples:ident, $form:ident, $versions:expr $(, tag $tag:literal)?) => {
        if $form.within($versions) {
            $place = $crate::protocol::kafka::wire::Wire::sample($samples, $form);
        }
    };
}
