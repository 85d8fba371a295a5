//! The rules that the checker evaluates, and how often it has done so.

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// Something that holds in every run.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Rule {
            $($(#[$doc])* $name,)+
        }

        impl Rule {
            pub(crate) const ALL: &[Self] = &[$(Self::$name),+];
        }
    };
}

rules! {
    /// Nothing is sent unless its signature is stored.
    StoredBeforeSent,
    NothingToAnotherCluster,
    WritesInItsOwnName,
    OneHolderPerToken,
    NoWriteAfterATakeover,
    /// A signed transaction credits the wallets of its batch.
    NamesWhomItPays,
    /// A batch is signed again only when its earlier attempts cannot land any more.
    SignsAgainOnlyWhatIsDead,
    /// An attempt is given up only when it cannot land any more.
    GivesUpOnlyWhatIsDead,
    GivesUpNothingThatLanded,
    /// What is said to be credited or skipped is in a transaction that has succeeded.
    OutcomesHaveLanded,
    CreditedIsTrue,
    SkippedIsTrue,
    /// Ledger and chain are said to disagree only where they do.
    DisagreementsAreTrue,
    /// Nodes and payouts are held for reasons that hold.
    HoldsAreTrue,
    /// The nodes of a settlement are served in the order of their oldest rewards.
    OldestAreFirst,
    /// A process that was asked to stop keeps nobody waiting.
    StoppingReleasesTheLease,
    OnlyTheLateLoseTheirLease,
    ConfirmedStaysConfirmed,
    ConfirmedIsCredited,
    /// A transaction that was signed for a confirmed reward has landed.
    ConfirmedIsPaidFor,
    /// A confirmed reward names a transaction that has paid it.
    NamesWhatHasPaid,
    LamportsAreKept,
    CreditedIsEarned,
    PaidIsCredited,
    ReceivedIsPaid,
    TotalsNeverFall,
    CreditedIsSigned,
    NoPreconditionIsLeft,
    MirrorAgrees,
    NamesATransactionWhoseLogIsThere,
    FewUselessBatches,
    EarnedIsCredited,
    CreditedIsReported,
    FeesAreBooked,
    ErrorsHaveACauseOutside,
    SomethingHappens,
    EverythingIsSettledInTime,
}

/// How often each rule was evaluated. A rule that never was is not tested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Evaluations([u64; Rule::ALL.len()]);

impl Default for Evaluations {
    fn default() -> Self {
        Self([0; Rule::ALL.len()])
    }
}

impl Evaluations {
    pub(crate) fn count(&mut self, rule: Rule) {
        self.0[rule as usize] += 1;
    }

    /// Adds those of another run.
    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum += count;
        }
    }

    /// The rules that were never evaluated.
    pub(crate) fn unused(&self) -> impl Iterator<Item = Rule> {
        self.iter().filter(|(_, count)| *count == 0).map(|(rule, _)| rule)
    }

    /// Every rule with the number of its evaluations.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Rule, u64)> {
        Rule::ALL.iter().copied().zip(self.0)
    }
}
