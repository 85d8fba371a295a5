//! The deploy step, on local clusters of its own that start without the program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use settlement::client::{NetworkId, network_address, treasury_address};
use settlement::state::{Network, Treasury};
use solana_commitment_config::CommitmentConfig;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_rpc_client::rpc_client::RpcClient;
use solana_rpc_client_api::request::RpcRequest;
use solana_signer::Signer;
use williw_tests::chain::ChainClient;
use williw_tests::faults::{Fault, FaultyRpc};
use williw_tests::files;
use williw_tests::localnet::{InitialProgram, Localnet, LocalnetOptions};
use williw_tests::process::{Process, run_to_exit};
use williw_tests::wait::{self, Poll};

use crate::fixture::{OrFail, SLOT_MS, artifacts, directory};

/// The upgradeable loader, which owns programs.
const LOADER: &str = "BPFLoaderUpgradeab1e11111111111111111111111";

/// Size in bytes of the header before the bytecode in a ProgramData account.
const PROGRAM_DATA_HEADER: usize = 45;

/// Number of bytes before the public key in a keypair file.
const SECRET_BYTES: usize = 32;

/// A deployment takes about 25 s, most of it spent waiting for finality, and several times that on a loaded machine.
const DEADLINE: Duration = Duration::from_secs(240);

const NETWORK: &str = "deployed";

/// A local cluster, and a configuration and keys to deploy to it.
struct DeployFixture {
    localnet: Localnet,
    rpc: RpcClient,
    folder: PathBuf,
    authority: Keypair,
    admin: Keypair,
}

/// The exit code and the output of `williw-deploy`.
struct Exit {
    exit_code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl DeployFixture {
    fn new(name: &str) -> Self {
        Self::start(name, InitialProgram::Absent)
    }

    /// Starts a cluster with the program, like that of `make run`, or without it, like any new cluster.
    fn start(name: &str, program: InitialProgram) -> Self {
        let folder = directory(name);
        let options = LocalnetOptions::on_free_ports(SLOT_MS, program);
        let localnet = Localnet::start(artifacts(), options, &folder).or_fail();
        let rpc = RpcClient::new_with_commitment(localnet.url().to_owned(), CommitmentConfig::finalized());
        let (authority, admin) = (Keypair::new(), Keypair::new());
        files::write_keypair(&folder, "authority", &authority).or_fail();
        files::write_keypair(&folder, "admin", &admin).or_fail();
        let fixture = Self { localnet, rpc, folder, authority, admin };
        fixture.configure(&artifacts().program, 1_000_000, "");
        fixture
    }

    /// Writes the configuration to `deploy.toml`.
    fn configure(&self, program: &Path, threshold: u64, authorities: &str) {
        let key = artifacts().checkout.join("programs/settlement/localnet-keypair.json");
        let text = format!(
            "[cluster]\nurl = \"{url}\"\n\
             [program]\nfile = \"{program}\"\nkeypair = \"{key}\"\n\
             [keys]\nupgrade_authority = \"authority.json\"\nadmin = \"admin.json\"\n\
             [network]\nname = \"{NETWORK}\"\nasset = \"sol\"\ndefault_threshold = {threshold}\n\
             per_node_cap = 2_000_000\nper_batch_cap = 3_000_000\nwindow_limit = 4_000_000\nwindow_seconds = 60\n\
             max_pending_age = \"never\"\n\
             [authorities]\n{authorities}",
            url = self.localnet.url(),
            program = program.display(),
            key = key.display(),
        );
        std::fs::write(self.folder.join("deploy.toml"), text).or_fail();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let binary = artifacts().relay.with_file_name("williw-deploy");
        assert!(binary.is_file(), "{} is missing: run 'cargo build -p williw-deploy'", binary.display());
        let mut command = Command::new(binary);
        command.env_clear().arg("--config").arg(self.folder.join("deploy.toml")).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Exit {
        let output = run_to_exit(self.command(arguments)).or_fail();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).or_fail();
        Exit { exit_code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    fn account(&self, address: &Pubkey) -> Option<Vec<u8>> {
        let account = self.rpc.get_account_with_commitment(address, CommitmentConfig::finalized()).or_fail().value;
        account.map(|account| account.data)
    }

    /// The deployed bytecode and the upgrade authority.
    fn program(&self) -> Option<(Vec<u8>, Option<Pubkey>)> {
        let loader = Pubkey::from_str(LOADER).or_fail();
        let data = self.account(&Pubkey::find_program_address(&[settlement::ID.as_ref()], &loader).0)?;
        // The state (4 bytes), the slot (8 bytes), then an optional authority.
        let authority = (data[12] == 1).then(|| Pubkey::try_from(&data[13..45]).or_fail());
        Some((data[PROGRAM_DATA_HEADER..].to_vec(), authority))
    }

    fn network(&self) -> Option<(Network, Treasury)> {
        let network = network_address(&self.admin.pubkey(), &NetworkId::from_name(NETWORK).or_fail());
        let treasury = self.account(&treasury_address(&network))?;
        Some((Network::decode(&self.account(&network)?).or_fail(), Treasury::decode(&treasury).or_fail()))
    }

    /// The address of the buffer whose keypair is stored.
    fn stored_buffer(&self) -> Option<Pubkey> {
        let cluster = std::fs::read_dir(self.folder.join(".williw-deploy")).ok()?.flatten().next()?;
        let text = std::fs::read_to_string(cluster.path().join("program-buffer.json")).ok()?;
        let bytes: Vec<u8> = serde_json::from_str(&text).or_fail();
        Some(Pubkey::try_from(&bytes[SECRET_BYTES..]).or_fail())
    }

    /// An RPC proxy that counts the transactions and airdrops sent through it, and forwards those whose number `forward`
    /// accepts.
    fn counting(&self, forward: impl Fn(usize) -> bool + Send + Sync + 'static) -> (FaultyRpc, Arc<AtomicUsize>) {
        let sent = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&sent);
        let faulty = FaultyRpc::start(self.localnet.url(), move |method, _| match method {
            "sendTransaction" | "requestAirdrop" => {
                if forward(counter.fetch_add(1, Ordering::SeqCst)) {
                    Fault::Forward
                } else {
                    Fault::CloseConnection
                }
            }
            _ => Fault::Forward,
        });
        (faulty.or_fail(), sent)
    }
}

impl Drop for DeployFixture {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- last lines of the localnet's log\n{}", self.localnet.log_tail());
        }
    }
}

impl Exit {
    #[track_caller]
    fn succeeded(self) -> Self {
        assert_eq!(self.exit_code, Some(0), "{}{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that the run was blocked before anything was sent, with `reason` in the message.
    #[track_caller]
    fn blocked(self, reason: &str) {
        assert_eq!(self.exit_code, Some(6), "{}{}", self.stdout, self.stderr);
        assert!(self.stderr.contains("nothing was sent") && self.stderr.contains(reason), "{}", self.stderr);
    }
}

fn starts_with_file(bytes: &[u8], file: &Path) -> bool {
    let elf = std::fs::read(file).or_fail();
    bytes.starts_with(&elf) && bytes[elf.len()..].iter().all(|byte| *byte == 0)
}

#[test]
fn an_empty_cluster_is_deployed_to_once() {
    let fixture = DeployFixture::new("deploy-once");
    let (counting, sent) = fixture.counting(|_| true);
    let url = counting.url();

    let dry = fixture.run(&["--url", &url, "--dry-run"]).succeeded();
    for part in ["is not deployed", "+ upload", "+ deploy", "+ create network 'deployed'", "nothing was sent"] {
        assert!(dry.stdout.contains(part), "{part} in {}", dry.stdout);
    }
    assert_eq!(sent.load(Ordering::SeqCst), 0, "a dry run sent something");
    assert!(!fixture.folder.join(".williw-deploy").exists(), "a dry run left files behind");
    assert!(fixture.program().is_none());

    let done = fixture.run(&["--url", &url]).succeeded();
    assert!(done.stdout.contains("SHA-256 on chain") && done.stdout.contains("signature"), "{}", done.stdout);
    let (code, authority) = fixture.program().expect("deployed");
    assert!(starts_with_file(&code, &artifacts().program));
    assert_eq!(authority, Some(fixture.authority.pubkey()));
    let (network, treasury) = fixture.network().expect("created");
    assert_eq!((network.admin, network.settler), (fixture.admin.pubkey(), fixture.admin.pubkey()));
    assert_eq!((network.default_threshold, treasury.per_node_cap, treasury.window_seconds), (1_000_000, 2_000_000, 60));
    assert_eq!((treasury.max_pending_age, treasury.max_pause_seconds), (u64::MAX, 7 * 86_400));
    assert_eq!(fixture.stored_buffer(), None, "the buffer's keypair is deleted");

    let before = sent.load(Ordering::SeqCst);
    let again = fixture.run(&["--url", &url]).succeeded();
    assert!(again.stdout.contains("nothing to do: nothing was sent"), "{}", again.stdout);
    assert_eq!(sent.load(Ordering::SeqCst), before, "the second run sent something");

    // An existing network's threshold is never changed.
    fixture.configure(&artifacts().program, 7, "");
    fixture.run(&[]).blocked("default_threshold 1000000, but the configuration has 7");
}

#[test]
fn an_interrupted_upload_is_resumed_with_the_missing_chunks() {
    /// Number of sends that are forwarded, including the airdrops and the buffer's creation, which come first.
    const FORWARDED: usize = 40;

    let fixture = DeployFixture::new("deploy-interrupted");
    // Anyone can send lamports to the program's address before it is deployed.
    ChainClient::new(fixture.localnet.url()).airdrop(&settlement::ID, 900_000).or_fail();
    let dry = fixture.run(&["--dry-run"]).succeeded();
    let (_, rest) = dry.stdout.split_once("bytes in ").expect("the upload");
    let chunks: usize = rest.split_whitespace().next().expect("a number").parse().or_fail();
    assert!(chunks > 2 * FORWARDED, "{chunks} chunks are too few to interrupt");

    let (faulty, sent) = fixture.counting(|count| count < FORWARDED);
    let log = fixture.folder.join("deploy.log");
    let mut first = Process::spawn("the deployment", fixture.command(&["--url", &faulty.url()]), &log).or_fail();
    wait::until("the upload to be stopped", DEADLINE, || {
        first.check_running()?;
        let sent = sent.load(Ordering::SeqCst);
        Ok(if sent > FORWARDED { Poll::Ready(()) } else { Poll::Pending(format!("{sent} sent")) })
    })
    .or_fail();
    first.kill();
    let buffer = fixture.stored_buffer().expect("the buffer's keypair is stored");

    let done = fixture.run(&[]).succeeded();
    assert!(done.stdout.contains("+ resume uploading"), "{}", done.stdout);
    let (code, _) = fixture.program().expect("deployed");
    assert!(starts_with_file(&code, &artifacts().program));
    // The buffer's creation, each chunk once, and the deployment.
    let transactions = ChainClient::new(fixture.localnet.url()).transactions_of(&buffer).or_fail();
    assert_eq!(transactions.len(), chunks + 2);
}

#[test]
fn an_upgrade_extends_the_program_and_transfers_the_authorities() {
    let fixture = DeployFixture::new("deploy-upgrade");
    fixture.run(&[]).succeeded();

    // Bytes after the end of an ELF file do not change the program.
    let next = fixture.folder.join("next.so");
    let mut elf = std::fs::read(&artifacts().program).or_fail();
    elf.extend_from_slice(b"the next version");
    std::fs::write(&next, &elf).or_fail();
    let (owner, admin) = (Keypair::new().pubkey(), Keypair::new().pubkey());
    fixture.configure(&next, 1_000_000, &format!("upgrade = \"{owner}\"\nadmin = \"{admin}\"\n"));
    let dry = fixture.run(&["--dry-run"]).succeeded();
    for part in ["with other bytecode", "+ extend", "+ upgrade", "+ propose", "+ transfer the upgrade authority to"] {
        assert!(dry.stdout.contains(part), "{part} in {}", dry.stdout);
    }
    fixture.run(&[]).succeeded();
    let (code, authority) = fixture.program().expect("deployed");
    assert!(starts_with_file(&code, &next));
    assert_eq!(authority, Some(owner));
    let (network, _) = fixture.network().expect("the network still exists");
    assert_eq!((network.admin, network.pending_admin), (fixture.admin.pubkey(), admin));
    let again = fixture.run(&[]).succeeded();
    assert!(again.stdout.contains("nothing to do: nothing was sent"), "{}", again.stdout);

    // Only the new authority can upgrade from now on.
    fixture.configure(&artifacts().program, 1_000_000, "");
    fixture.run(&[]).blocked(&owner.to_string());
}

#[test]
fn all_blockers_are_reported_before_anything_is_sent() {
    let fixture = DeployFixture::new("deploy-blocked");
    let (counting, sent) = fixture.counting(|_| true);
    let claims_mainnet = FaultyRpc::start(&counting.url(), |method, _| match method {
        "getGenesisHash" => {
            Fault::Respond(r#"{"jsonrpc":"2.0","id":0,"result":"5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"}"#)
        }
        _ => Fault::Forward,
    })
    .or_fail();
    files::write_keypair(&fixture.folder, "payer", &Keypair::new()).or_fail();
    let text = std::fs::read_to_string(fixture.folder.join("deploy.toml")).or_fail();
    let with_payer = text.replace("[keys]\n", "[keys]\npayer = \"payer.json\"\n");
    std::fs::write(fixture.folder.join("deploy.toml"), &with_payer).or_fail();

    let mainnet = fixture.run(&["--url", &claims_mainnet.url()]);
    for reason in ["--yes", "its keypair is in the repository", "[security]", "keys.payer", "send it"] {
        assert!(mainnet.stderr.contains(reason), "{reason} in {}", mainnet.stderr);
    }
    mainnet.blocked("mainnet-beta");

    let key = artifacts().checkout.join("programs/settlement/localnet-keypair.json");
    let other_key = with_payer.replace(&key.display().to_string(), "admin.json");
    std::fs::write(fixture.folder.join("deploy.toml"), other_key).or_fail();
    fixture.run(&["--url", &counting.url()]).blocked("program.keypair has the address");

    std::fs::write(fixture.folder.join("deploy.toml"), format!("{with_payer}upgrade = \"none\"\n")).or_fail();
    fixture.run(&["--url", &counting.url()]).blocked("--immutable");

    let text = format!(
        "{with_payer}[security]\ncontact = \"email:security@example.org\"\n\
         source_code = \"https://git.example.org/mine\"\n"
    );
    std::fs::write(fixture.folder.join("deploy.toml"), text).or_fail();
    fixture.run(&["--url", &counting.url()]).blocked("WILLIW_SECURITY_CONTACT='email:security@example.org'");

    let other = fixture.folder.join("other.so");
    let mut elf = std::fs::read(&artifacts().program).or_fail();
    let id = settlement::ID.to_bytes();
    while let Some(at) = elf.windows(id.len()).position(|window| window == id) {
        elf[at] ^= 1;
    }
    std::fs::write(&other, elf).or_fail();
    fixture.configure(&other, 1_000_000, "");
    fixture.run(&["--url", &counting.url()]).blocked("declare_id!");
    assert_eq!(sent.load(Ordering::SeqCst), 0, "something was sent");
}

#[test]
fn a_network_pays_in_a_supported_mint() {
    const SPL_TOKEN: &str = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA";
    const DECIMALS: u8 = 6;

    let fixture = DeployFixture::start("deploy-mint", InitialProgram::Deployed);
    let text = std::fs::read_to_string(fixture.folder.join("deploy.toml")).or_fail();
    let mint = Keypair::new().pubkey();
    let with_mint = text.replace("asset = \"sol\"", &format!("asset = \"{mint}\""));
    std::fs::write(fixture.folder.join("deploy.toml"), with_mint).or_fail();
    fixture.run(&[]).blocked("does not exist on this cluster");

    // spl_token's `Mint`: no mint authority, a supply of 0, the decimals, initialized, no freeze authority.
    let mut data = vec![0_u8; 82];
    (data[44], data[45]) = (DECIMALS, 1);
    let set_mint = |owner: &str, data: &[u8]| {
        let account = json!({"lamports": 1_461_600, "data": hex::encode(data), "owner": owner});
        let method = RpcRequest::Custom { method: "surfnet_setAccount" };
        fixture.rpc.send::<Value>(method, json!([mint.to_string(), account])).or_fail();
    };
    set_mint(LOADER, &data);
    fixture.run(&[]).blocked("is not a mint");
    set_mint(SPL_TOKEN, &[0; 82]);
    fixture.run(&[]).blocked("network.asset");
    set_mint(SPL_TOKEN, &data);

    let done = fixture.run(&[]).succeeded();
    assert!(done.stdout.contains("is up to date") && !done.stdout.contains("+ upload"), "{}", done.stdout);
    let (network, treasury) = fixture.network().expect("created");
    assert_eq!((network.mint, network.token_program.to_string(), network.decimals), (mint, SPL_TOKEN.into(), DECIMALS));
    let vault = fixture.account(&treasury.token_account).expect("the treasury's token account");
    assert_eq!(vault[..32], mint.to_bytes());
    let again = fixture.run(&[]).succeeded();
    assert!(again.stdout.contains("nothing to do: nothing was sent"), "{}", again.stdout);
}

/// Needs the bytecode of the Program Metadata program, which no package contains.
#[test]
#[ignore = "set WILLIW_PROGRAM_METADATA to the Program Metadata program's bytecode (migrations/README.md)"]
fn an_idl_is_published_replaced_by_a_longer_and_by_a_shorter_one() {
    const PROGRAM_METADATA: &str = "ProgM6JCCvbYkfKqJYHePx4xxSUSqJp7rh8Lyv7nk7S";
    const HEADER: usize = 96;

    let file = std::env::var("WILLIW_PROGRAM_METADATA").expect("WILLIW_PROGRAM_METADATA");
    let elf = hex::encode(std::fs::read(file).or_fail());
    let fixture = DeployFixture::new("deploy-idl");
    let method = RpcRequest::Custom { method: "surfnet_writeProgram" };
    fixture.rpc.send::<Value>(method, json!([PROGRAM_METADATA, elf, 0, null])).or_fail();

    let metadata_program = Pubkey::from_str(PROGRAM_METADATA).or_fail();
    let mut seed = [0; 16];
    seed[..3].copy_from_slice(b"idl");
    let idl = Pubkey::find_program_address(&[settlement::ID.as_ref(), &seed], &metadata_program).0;
    let text = std::fs::read_to_string(fixture.folder.join("deploy.toml")).or_fail();
    let with_idl = text.replace("[keys]\n", "idl = \"idl.json\"\n[keys]\n");
    std::fs::write(fixture.folder.join("deploy.toml"), with_idl).or_fail();
    let mut lengths = Vec::new();
    // Incompressible names: the second IDL is longer than what one instruction can extend an account by.
    for (count, step) in [(10, "publish"), (1_500, "replace"), (100, "replace")] {
        let names: Vec<String> = (0..count).map(|_| Keypair::new().pubkey().to_string()).collect();
        let content = json!({"address": settlement::ID.to_string(), "instructions": names}).to_string();
        std::fs::write(fixture.folder.join("idl.json"), content).or_fail();
        let dry = fixture.run(&["--dry-run"]).succeeded();
        assert!(dry.stdout.contains(&format!("+ {step} the")), "{}", dry.stdout);
        fixture.run(&[]).succeeded();
        let data = fixture.account(&idl).expect("published");
        assert_eq!((data[0], data[65], data[66]), (2, 1, 1), "a metadata account, mutable and canonical");
        lengths.push(data.len() - HEADER);
        let again = fixture.run(&[]).succeeded();
        assert!(again.stdout.contains("nothing to do: nothing was sent"), "{}", again.stdout);
    }
    assert!(lengths[1] > 20_480 && lengths[2] < lengths[1] && lengths[0] < lengths[2], "{lengths:?}");
}
