//! Enumerations with a fixed text for each variant, in SQL and in JSON.

/// A text is not one of the values of an enumeration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{value}' is not a valid {kind}: use one of {}", allowed.join(", "))]
pub struct UnknownValueError {
    /// The rejected text.
    pub value: String,
    /// What the text was supposed to be, for example `scope`.
    pub kind: &'static str,
    /// Every valid text, in the order of declaration.
    pub allowed: &'static [&'static str],
}

/// Declares an enumeration whose variants are written as the same fixed texts in the ledger and in JSON.
macro_rules! text_enum {
    ($(#[$doc:meta])* pub enum $name:ident: $kind:literal { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// All variants, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The text of the variant, as in the ledger and in JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::types::UnknownValueError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err($crate::types::UnknownValueError {
                        value: text.to_owned(),
                        kind: $kind,
                        allowed: &[$($text),+],
                    }),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl crate::database::IntoParameter for $name {
            fn into_parameter(self) -> Option<String> {
                Some(self.as_str().to_owned())
            }
        }
    };
}

pub(crate) use text_enum;
