//! Events as the program emits them.

use anchor_lang::Event;
use anchor_lang::event::EVENT_IX_TAG_LE;
use settlement::events::BatchSettled;

/// An event: its discriminator and its fields, and how it was emitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EventData {
    /// By a call of the program to itself.
    Call(Vec<u8>),
    /// By a log.
    Log(Vec<u8>),
}

impl EventData {
    /// An event that is emitted by a call.
    pub(crate) fn call(event: &impl Event) -> Self {
        Self::Call(event.data())
    }

    /// The event of a batch, which is emitted by a log.
    pub(crate) fn log(event: &BatchSettled) -> Self {
        Self::Log(event.data())
    }

    /// The event of an inner instruction of the program, unless it is something else.
    pub(crate) fn from_inner_instruction(data: &[u8]) -> Option<Self> {
        data.strip_prefix(EVENT_IX_TAG_LE).map(|event| Self::Call(event.to_vec()))
    }

    /// The bytes that enter the history.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Call(bytes) | Self::Log(bytes) => bytes,
        }
    }

    /// The fields, if this is an event of the given type.
    pub(crate) fn decode<E: Event + anchor_lang::AnchorDeserialize + anchor_lang::Discriminator>(&self) -> Option<E> {
        E::try_from_slice(self.bytes().strip_prefix(E::DISCRIMINATOR)?).ok()
    }
}
