//! Every lamport stays accounted for, whatever comes.

use settlement::client::{SettleEntry, withdraw_ix};
use settlement::state::NodeWallet;
use solana_signer::Signer;

use crate::common::{Node, SOL, START, World};

/// A small generator of numbers (xorshift64*), so that a failure can be repeated from its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }
}

/// What a stranger sent to a wallet, and what the relay believes the node has earned.
struct Ledger {
    node: Node,
    gifts: u64,
    highest_target: u64,
    paid: u64,
}

fn check(world: &World, ledger: &[Ledger], funded: u64) {
    let treasury = world.treasury_state();
    let (mut credited, mut paid) = (0, 0);
    for entry in ledger {
        let wallet = world.wallet_state(&entry.node);
        assert!(wallet.credited_total <= entry.highest_target);
        assert!(wallet.paid_total <= wallet.credited_total);
        assert_eq!(world.lamports(&entry.node.wallet), world.rent(NodeWallet::SIZE) + wallet.pending() + entry.gifts);
        assert_eq!(world.lamports(&entry.node.destination), wallet.paid_total);
        assert_eq!(wallet.paid_total, entry.paid);
        assert_eq!(wallet.oldest_unpaid_at == 0, wallet.pending() == 0);
        credited += wallet.credited_total;
        paid += wallet.paid_total;
    }
    assert_eq!((treasury.credited_total, treasury.paid_total), (credited, paid));
    assert_eq!(world.surplus(), funded - credited);
    assert!(treasury.window_used <= treasury.window_limit);
}

#[test]
fn random_batches_gifts_and_withdrawals_keep_every_lamport_accounted_for() {
    for seed in [1, 2, 3] {
        let mut dice = Dice(seed);
        let mut world = World::with(|args| {
            args.default_threshold = SOL / 2;
            args.per_node_cap = SOL;
            args.per_batch_cap = 4 * SOL;
            args.window_limit = 8 * SOL;
            args.window_seconds = 100;
            args.max_pending_age = 50;
        });
        let funded = 60 * SOL;
        world.set_surplus(funded);
        let mut ledger: Vec<_> =
            world.nodes(12).into_iter().map(|node| Ledger { node, gifts: 0, highest_target: 0, paid: 0 }).collect();
        let mut now = START;

        for _ in 0..120 {
            now += dice.roll(20) as i64;
            world.set_time(now - dice.roll(3) as i64);
            match dice.roll(10) {
                0 => {
                    let entry = &mut ledger[dice.roll(12) as usize];
                    let gift = dice.roll(SOL);
                    entry.gifts += gift;
                    world.give(&entry.node.wallet, gift);
                }
                1 => {
                    let entry = &mut ledger[dice.roll(12) as usize];
                    let amount = 1 + dice.roll(SOL);
                    let ix = withdraw_ix(
                        entry.node.owner.pubkey(),
                        world.network,
                        entry.node.id,
                        entry.node.destination,
                        Some(amount),
                    );
                    if world.send(&[ix], &[&entry.node.owner]).is_ok() {
                        entry.paid += amount;
                    }
                }
                action => {
                    let mut entries: Vec<SettleEntry> = vec![];
                    for _ in 0..1 + dice.roll(15) {
                        let at = dice.roll(12) as usize;
                        let entry = &mut ledger[at];
                        // Mostly more than before, sometimes less, sometimes far too much.
                        let target = match dice.roll(8) {
                            0 => dice.roll(entry.highest_target.max(1)),
                            1 => u64::MAX - dice.roll(3),
                            _ => world.wallet_state(&entry.node).credited_total + dice.roll(SOL),
                        };
                        entry.highest_target = entry.highest_target.max(target);
                        let mut settle = entry.node.entry(target);
                        if dice.roll(6) == 0 {
                            settle.destination = world.treasury;
                        }
                        entries.push(settle);
                    }
                    if action < 5 {
                        let credits: Vec<_> = entries.iter().map(|e| (e.wallet, e.target)).collect();
                        world.credit(&credits);
                    } else {
                        world.settle(&entries);
                        for entry in &mut ledger {
                            entry.paid = world.wallet_state(&entry.node).paid_total;
                        }
                    }
                }
            }
            check(&world, &ledger, funded);
        }
        assert!(world.treasury_state().paid_total > 0, "something was paid");
        assert!(world.surplus() < funded, "the dice never credited anything: the test is empty");
    }
}
