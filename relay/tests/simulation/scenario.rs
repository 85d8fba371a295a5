//! What a seed stands for: the nodes, the relays, the RPC nodes, the faults, and who acts how often.

use settlement::client::{UpdateNetworkArgs, node_wallet_address};
use solana_pubkey::Pubkey;
use williw_relay::transaction::Format;
use williw_relay::types::NodeId;

use crate::cluster::{Asset, History, Keys, View};
use crate::faults::Faults;
use crate::random::{Random, Stream};
use crate::token_programs::TokenProgram;

/// A node of the network.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) owner: Pubkey,
    /// Another address of the owner.
    pub(crate) spare: Pubkey,
    pub(crate) wallet: Pubkey,
    /// Whether the node has told its address when it is registered.
    pub(crate) has_address: bool,
    /// The balances of `owner` and `spare` at the start, in lamports. Those with lamports have a token account, if the network
    /// pays in tokens.
    pub(crate) funds: [u64; 2],
    /// Why it can never be paid, if it cannot. It must not keep others from being paid.
    pub(crate) unpayable: Option<Unpayable>,
}

/// Why a node can never be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unpayable {
    /// It never tells its address.
    NoAddress,
    /// It is suspended for good.
    Suspended,
}

/// Which RPC nodes a relay asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urls {
    /// One URL, behind which one node answers, or sometimes another.
    One,
    /// The URL of each node, of which two must agree. Only then, one of them may lie.
    All {
        /// The node that lies.
        liar: Option<usize>,
    },
}

impl Urls {
    /// The node that lies.
    pub(crate) fn liar(self) -> Option<usize> {
        match self {
            Self::One => None,
            Self::All { liar } => liar,
        }
    }
}

/// Who acts beside the relays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Actors {
    /// Owners withdraw, and set destinations and thresholds; anyone pays out.
    pub(crate) owners: bool,
    /// Owners close their nodes.
    pub(crate) closing: bool,
    /// The admin pauses and unpauses.
    pub(crate) pauses: bool,
    /// The admin changes caps and the outflow window.
    pub(crate) caps: bool,
    /// The admin funds the treasury and withdraws from it.
    pub(crate) treasury: bool,
    /// The settler's account runs out of lamports.
    pub(crate) settler: bool,
    /// Nodes are suspended and reinstated.
    pub(crate) suspensions: bool,
    /// The rent rate rises and falls.
    pub(crate) rent: bool,
    /// The operator restores the ledger from a backup.
    pub(crate) restores: bool,
    /// The issuer of the mint freezes and thaws token accounts.
    pub(crate) issuer: bool,
    /// Somebody changes lookup tables with the settler's key, without the ledger's knowledge.
    pub(crate) outsider: bool,
}

/// What a seed stands for.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) asset: Asset,
    /// Whether all nodes are granted something at the same time, so that transactions are full.
    pub(crate) is_full: bool,
    /// Whether the operator has lookup tables.
    pub(crate) has_tables: bool,
    pub(crate) nodes: Vec<Node>,
    pub(crate) views: Vec<View>,
    pub(crate) urls: Urls,
    /// The longest time that a request to an RPC node takes in one direction, in milliseconds, if nothing happens to it.
    pub(crate) latency_ms: i64,
    pub(crate) faults: Faults,
    pub(crate) actors: Actors,
    /// When the faults end, in milliseconds after the start.
    pub(crate) heal_ms: i64,
    /// The mean time between two actions, in milliseconds.
    pub(crate) act_ms: i64,
    /// The number of rewards granted at the start.
    pub(crate) first_rewards: usize,
    pub(crate) format: Option<Format>,
    pub(crate) rejects_v1: bool,
    pub(crate) max_nodes: usize,
    pub(crate) nodes_per_call: usize,
    pub(crate) batches_per_call: usize,
    pub(crate) max_open_batches: usize,
    pub(crate) parameters: UpdateNetworkArgs,
    /// By how much the clocks of the relays are ahead at the start.
    pub(crate) skews_ms: Vec<i64>,
    /// What the treasury holds at the start is withdrawn, except for this.
    pub(crate) treasury: Option<u64>,
    /// The caps per node and per batch that apply once the faults have ended.
    pub(crate) last_caps: [u64; 2],
}

/// The kind of scenarios that are about SOL alone.
pub(crate) const SOL: &str = "SOL";

/// The latency of quick RPC nodes.
const QUICK_MS: i64 = 120;

impl Node {
    /// The node can never be paid.
    pub(crate) fn make_unpayable(&mut self, reason: Unpayable) {
        self.unpayable = Some(reason);
        self.has_address &= reason != Unpayable::NoAddress;
    }
}

impl Scenario {
    /// What it is about, for the counts of what was reached.
    pub(crate) fn kind(&self) -> &'static str {
        match self.asset {
            _ if self.has_tables => "lookup tables",
            Asset::Sol => SOL,
            Asset::Tokens { program: TokenProgram::PToken, .. } => "p-token",
            Asset::Tokens { program: TokenProgram::SplToken, .. } => "SPL Token",
            Asset::Tokens { program: TokenProgram::Token2022, has_fee: false } => "Token-2022",
            Asset::Tokens { program: TokenProgram::Token2022, has_fee: true } => "Token-2022 with a fee",
        }
    }

    /// Whether requests take so long that blockhashes must be valid for as long as on a real cluster.
    pub(crate) fn is_slow(&self) -> bool {
        self.latency_ms > QUICK_MS
    }

    /// Whether the RPC nodes may all have forgotten a transaction that has landed.
    pub(crate) fn can_forget(&self) -> bool {
        let silent = self.views.iter().filter(|view| view.history == History::Silent).count();
        // A node that lies may say that there is no such transaction.
        let silent =
            silent + usize::from(self.urls.liar().is_some_and(|liar| self.views[liar].history != History::Silent));
        silent >= if self.urls == Urls::One { 1 } else { 2 }
    }

    /// Whether each log is found soon enough after its transaction is final to be asked for.
    pub(crate) fn keeps_logs(&self) -> bool {
        let Faults { stuck_view, clock_jump, .. } = self.faults;
        let reliable = |view: &View| !view.loses_logs && view.history == History::Full && view.lag_slots <= 12;
        [stuck_view, clock_jump] == [0; 2]
            && self.urls.liar().is_none()
            && self.views.iter().all(reliable)
            && self.skews_ms.iter().all(|skew| *skew == self.skews_ms[0])
    }

    /// The scenario of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let mut scenario = Self::basic(seed);
        scenario.vary(&mut Random::of(seed, Stream::Variant));
        scenario
    }

    /// One scenario in five is about tokens, and one in a hundred about lookup tables.
    fn vary(&mut self, random: &mut Random) {
        let undisturbed = self.faults == Faults::NONE;
        if random.chance(200) {
            self.asset = Asset::tokens(random);
            if !undisturbed {
                self.actors.issuer = random.chance(400);
                // Token accounts change often, and there are payouts before the faults end.
                self.act_ms = (self.act_ms / 2).max(250);
                self.heal_ms += random.between(3_000, 12_000);
            }
        }
        if random.chance(10) {
            self.use_tables(random);
        } else if self.asset != Asset::Sol && random.chance(40) {
            self.fill(random);
        }
    }

    /// Makes more nodes than fit into one transaction, all of which are always granted something at the same time.
    pub(crate) fn fill(&mut self, random: &mut Random) {
        let (undisturbed, network) = (self.faults == Faults::NONE, Keys::new().network().address());
        self.is_full = true;
        self.nodes = (0..random.amount(23, 30)).map(|number| node(number, undisturbed, &network, random)).collect();
        (self.first_rewards, self.max_nodes, self.latency_ms) = (1, 5_250, QUICK_MS);
        (self.parameters.per_node_cap, self.parameters.per_batch_cap) = (Some(u64::MAX), Some(u64::MAX));
        self.parameters.window_limit = Some(u64::MAX);
        (self.last_caps, self.treasury) = ([u64::MAX; 2], None);
        self.act_ms = random.between(2_000, 4_000);
    }

    /// Makes it a scenario about lookup tables: transactions in format v0, two RPC nodes that must agree, more nodes of the
    /// network than fit into a transaction without tables, and enough time for tables to be written and to warm up.
    pub(crate) fn use_tables(&mut self, random: &mut Random) {
        let undisturbed = self.faults == Faults::NONE;
        self.fill(random);
        (self.has_tables, self.format) = (true, Some(Format::V0));
        while self.views.len() < 2 {
            self.views.push(view(undisturbed, random));
        }
        let liar = (!undisturbed && random.chance(500)).then(|| random.index(self.views.len()));
        self.urls = Urls::All { liar };
        self.faults.lie = if liar.is_some() { random.amount(100, 900) } else { 0 };
        self.actors.outsider = !undisturbed && random.chance(600);
        self.heal_ms = random.between(70_000, 110_000);
    }

    /// The scenario of a seed in a network that pays in SOL.
    pub(crate) fn basic(seed: u64) -> Self {
        let random = &mut Random::of(seed, Stream::Scenario);
        // One run in eight is undisturbed, and then has to be perfect.
        let undisturbed = random.chance(125);
        let mut faults = if undisturbed { Faults::NONE } else { Faults::mixture(random) };
        let mut sometimes = |per_mille| !undisturbed && random.chance(per_mille);
        let actors = Actors {
            owners: sometimes(600),
            closing: sometimes(150),
            pauses: sometimes(200),
            caps: sometimes(300),
            treasury: sometimes(250),
            settler: sometimes(250),
            suspensions: sometimes(200),
            rent: sometimes(250),
            restores: sometimes(110),
            issuer: false,
            outsider: false,
        };
        let relays = if random.chance(600) { 2 } else { 1 };
        let views: Vec<View> = (0..random.amount(1, 3)).map(|_| view(undisturbed, random)).collect();
        let urls = if views.len() > 1 && random.chance(320) {
            let liar = (!undisturbed && random.chance(700)).then(|| random.index(views.len()));
            Urls::All { liar }
        } else {
            Urls::One
        };
        if urls.liar().is_some() {
            faults.lie = random.amount(100, 900);
        }
        let is_slow = random.chance(40);
        let node_count = random.amount(1, 5);
        let network = Keys::new().network().address();
        let mut nodes: Vec<Node> = (0..node_count).map(|number| node(number, undisturbed, &network, random)).collect();
        if !undisturbed && random.chance(250) {
            for node in nodes.iter_mut().skip(1) {
                if random.chance(400) {
                    node.make_unpayable(*random.pick(&[Unpayable::NoAddress, Unpayable::Suspended]));
                }
            }
        }
        let few = |random: &mut Random, most| if random.chance(300) { random.amount(1, most) } else { u64::MAX };
        let parameters = UpdateNetworkArgs {
            per_node_cap: Some(few(random, 5_000).max(200)),
            per_batch_cap: Some(few(random, 8_000).max(500)),
            window_limit: Some(few(random, 20_000).max(2_000)),
            window_seconds: Some(random.amount(10, 60)),
            max_pending_age: Some(random.amount(5, 600)),
            ..UpdateNetworkArgs::default()
        };
        let skew = |random: &mut Random| if random.chance(400) { random.between(-120_000, 120_000) } else { 0 };
        let format = if random.chance(300) { Some(*random.pick(&[Format::V0, Format::V1])) } else { None };
        Self {
            asset: Asset::Sol,
            is_full: false,
            has_tables: false,
            nodes,
            views,
            urls,
            latency_ms: if is_slow { random.between(500, 3_000) } else { QUICK_MS },
            faults,
            actors,
            heal_ms: if actors.restores {
                random.between(45_000, 75_000)
            } else if is_slow || random.chance(100) {
                random.between(25_000, 90_000)
            } else {
                random.between(5_000, 25_000)
            },
            act_ms: if actors.restores { random.between(2_000, 4_000) } else { random.between(500, 4_000) },
            first_rewards: random.index(node_count as usize + 2) + 1,
            format,
            rejects_v1: format != Some(Format::V1) && random.chance(150),
            max_nodes: if random.chance(250) { random.amount(4, 7) as usize } else { 5_250 },
            batches_per_call: random.amount(1, 8) as usize,
            parameters,
            skews_ms: (0..relays).map(|_| if undisturbed { 0 } else { skew(random) }).collect(),
            treasury: if !undisturbed && random.chance(150) { Some(random.amount(0, 3_000)) } else { None },
            last_caps: if random.chance(150) {
                [random.amount(700, 3_000), random.amount(2_000, 8_000)]
            } else {
                [u64::MAX; 2]
            },
            nodes_per_call: if random.chance(600) { random.amount(1, 3) as usize } else { 600 },
            max_open_batches: if random.chance(500) { random.amount(1, 4) as usize } else { 100 },
        }
    }
}

fn view(undisturbed: bool, random: &mut Random) -> View {
    let sometimes = |random: &mut Random, per_mille| !undisturbed && random.chance(per_mille);
    View {
        head: 0,
        lag_slots: if sometimes(random, 500) { random.amount(0, 24) } else { 0 },
        stuck_until_slot: 0,
        history: if sometimes(random, 200) {
            *random.pick(&[History::Refused, History::Silent])
        } else {
            History::Full
        },
        loses_logs: sometimes(random, 150),
        index_lag: if sometimes(random, 300) { random.amount(0, 6) } else { 0 },
        reports_loaded_data: !sometimes(random, 150),
    }
}

fn node(number: u64, undisturbed: bool, network: &Pubkey, random: &mut Random) -> Node {
    let id: NodeId = format!("node-{number}").parse().expect("a valid node id");
    let owner = address(random);
    let spare = address(random);
    let mut funds = || if undisturbed || random.chance(700) { 1_000_000_000 } else { 0 };
    Node {
        wallet: node_wallet_address(network, &id.on_chain(), &owner),
        funds: [funds(), funds()],
        has_address: undisturbed || random.chance(850),
        unpayable: None,
        id,
        owner,
        spare,
    }
}

/// An address that belongs to a key, as the addresses of owners must.
fn address(random: &mut Random) -> Pubkey {
    loop {
        let address = Pubkey::new_from_array(random.bytes());
        if address.is_on_curve() {
            return address;
        }
    }
}
