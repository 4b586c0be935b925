//! `sekisho rule`: what rules select and how their actions fare; a statement tried out without a server.
mod insight; // ls and show
mod replay; // what it would have done
mod trial; // test and explain

use std::process::ExitCode;

use clap::{Args, Subcommand};

pub use insight::perform;

/// The flags of `sekisho rule`.
#[derive(Args)]
pub struct RuleArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List rules: messages on their topics and selected, actions done, failed and waiting, since the start
    Ls(insight::LsArgs),
    /// Show one: its statement, and of each action what became of it and what went wrong last
    Show(insight::ShowArgs),
    /// Evaluate a statement over a message, without a server, and print the result; exits with 0 if it is selected, 1 if not, 2 if
    /// that cannot be said
    Test(trial::TestArgs),
    /// Say what a rule, or a statement, would have done with messages that a delivery stream or a file still holds; does nothing
    Replay(replay::ReplayArgs),
    /// Say what a statement selects from and which fields it reads, without a server
    Explain(trial::ExplainArgs),
}

/// Does it; the exit code of `test` says whether the message is selected.
pub async fn run(args: RuleArgs) -> ExitCode {
    let done = match args.command {
        Command::Ls(args) => insight::ls(args).await,
        Command::Show(args) => insight::show(args).await,
        Command::Replay(args) => replay::run(args).await,
        Command::Explain(args) => trial::explain(&args),
        Command::Test(args) => return trial::test(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sekisho: {error:#}");
            ExitCode::FAILURE
        }
    }
}
