//! One module per instruction: its accounts, its arguments, and the handler that puts the
//! decisions of [`rules`](crate::rules) into effect. No handler decides about money by itself.

pub mod batch;
pub mod create_network;
pub mod credit;
pub mod destination;
pub mod fund;
pub mod pause;
pub mod register_node;
pub mod settle;
pub mod unpause;
pub mod withdraw;

pub use batch::BatchHeader;
pub(crate) use create_network::__client_accounts_create_network;
pub use create_network::{CreateNetwork, CreateNetworkArgs};
pub(crate) use credit::__client_accounts_credit;
pub use credit::Credit;
pub(crate) use fund::__client_accounts_fund;
pub use fund::Fund;
pub(crate) use pause::__client_accounts_pause;
pub use pause::Pause;
pub(crate) use register_node::__client_accounts_register_node;
pub use register_node::{RegisterNode, RegisterNodeArgs};
pub(crate) use settle::__client_accounts_settle;
pub use settle::Settle;
pub(crate) use unpause::__client_accounts_unpause;
pub use unpause::Unpause;
pub(crate) use withdraw::__client_accounts_withdraw;
pub use withdraw::Withdraw;
