//! `sekisho provision advise`: the table of docs/provisioning.md as questions, and its commands as the answer.
use std::io::{BufRead, IsTerminal, Write};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

/// The page whose commands are the answer; a test runs them.
const PAGE: &str = include_str!("../../../docs/provisioning.md");

/// The flags of `sekisho provision advise`: each answers a question, which is then not asked.
#[derive(Args)]
pub struct AdviseArgs {
    /// Who issues the certificates
    #[arg(long, value_enum)]
    issuer: Option<Issuer>,
    /// Where a device's private key is made
    #[arg(long, value_enum)]
    key: Option<Key>,
    /// When a device gets its certificate
    #[arg(long, value_enum)]
    when: Option<When>,
    /// What happens to a device that is seen for the first time
    #[arg(long, value_enum)]
    first_seen: Option<FirstSeen>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Issuer {
    /// This service
    Service,
    /// A CA of yours
    OwnCa,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Key {
    /// In the device; it never leaves it
    Device,
    /// Here; it crosses the network once
    Service,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum When {
    /// In production, where this service or its operator can be reached
    Production,
    /// In the field, at its first start
    Field,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FirstSeen {
    /// It was registered before; whoever was not is refused
    Refuse,
    /// It waits until code or a person of yours has decided
    Decide,
    /// A template makes its thing and its policy
    Template,
}

/// A way in: its heading on the page, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    heading: &'static str,
    reason: &'static str,
}

impl AdviseArgs {
    /// A flag that answers no question on this way is a misunderstanding.
    fn refuse_unused(&self, used: &[&str]) -> Result<()> {
        let given = [
            ("--key", self.key.is_some()),
            ("--when", self.when.is_some()),
            ("--first-seen", self.first_seen.is_some()),
        ];
        match given.into_iter().find(|(flag, given)| *given && !used.contains(flag)) {
            Some((flag, _)) => bail!("{flag} makes no difference to the way that the other answers lead to"),
            None => Ok(()),
        }
    }
}

/// Asks what no flag has answered, and answers.
pub fn run(args: AdviseArgs) -> Result<()> {
    let way = choose(&args, &mut Terminal)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}\n\n{}\n", way.heading, way.reason)?;
    let own_ca = matches!(way.heading.chars().next(), Some('③' | '④' | '⑤'));
    for heading in ["Before you start"].into_iter().chain(own_ca.then_some("Your own CA")).chain([way.heading]) {
        let commands = commands(heading).with_context(|| format!("the page has no commands under `{heading}`"))?;
        writeln!(out, "# {heading}\n{commands}\n")?;
    }
    Ok(())
}

fn choose(args: &AdviseArgs, ask: &mut dyn Ask) -> Result<Way> {
    let issuer = answer(args.issuer, ask, "Who issues the certificates (a CA of yours can choose their validity)?")?;
    if issuer == Issuer::OwnCa {
        args.refuse_unused(&["--first-seen"])?;
        let first_seen = answer(args.first_seen, ask, "What happens to a device that is seen for the first time?")?;
        return Ok(match first_seen {
            FirstSeen::Refuse => Way {
                heading: "③ Registered beforehand",
                reason: "Your CA issues, and every certificate is on a list before its device connects: an unknown device is refused.",
            },
            FirstSeen::Decide => Way {
                heading: "④ Registered at its first connection (JITR)",
                reason: "Your CA issues; a new device waits as PENDING_ACTIVATION until what listens to the event has decided about it.",
            },
            FirstSeen::Template => Way {
                heading: "⑤ … and a template makes thing and policy (JITP)",
                reason: "Your CA issues, and its signature is all a new device needs: a template makes everything from the certificate's subject.",
            },
        });
    }
    let when = answer(args.when, ask, "When does a device get its certificate?")?;
    args.refuse_unused(if when == When::Field { &["--when"] } else { &["--when", "--key"] })?;
    if when == When::Field {
        return Ok(Way {
            heading: "Fleet provisioning: a claim, then a certificate of its own",
            reason: "The device leaves the factory with a claim it shares with others, and gets a certificate of its own when it first connects.",
        });
    }
    Ok(match answer(args.key, ask, "Where is a device's private key made?")? {
        Key::Device => Way {
            heading: "② The device makes its key, this service signs",
            reason: "The private key never leaves the device; this service signs what the device asks for.",
        },
        Key::Service => Way {
            heading: "① This service makes key and certificate",
            reason: "The least work, for devices that cannot make a key; the private key crosses the network once, to whoever asked.",
        },
    })
}

/// Where answers come from.
trait Ask {
    fn ask(&mut self, question: &str, choices: &[(String, String)]) -> Result<usize>;
}

struct Terminal;

impl Ask for Terminal {
    fn ask(&mut self, question: &str, choices: &[(String, String)]) -> Result<usize> {
        if !std::io::stdin().is_terminal() {
            bail!("{question} Say it by a flag (see --help), or ask on a terminal");
        }
        let mut out = std::io::stderr().lock();
        writeln!(out, "{question}")?;
        for (number, (_, help)) in (1..).zip(choices) {
            writeln!(out, "  {number}) {help}")?;
        }
        loop {
            write!(out, "> ")?;
            out.flush()?;
            let mut line = String::new();
            if std::io::stdin().lock().read_line(&mut line)? == 0 {
                bail!("no answer");
            }
            match line.trim().parse::<usize>() {
                Ok(number) if (1..=choices.len()).contains(&number) => return Ok(number - 1),
                _ => writeln!(out, "1 to {}", choices.len())?,
            }
        }
    }
}

fn answer<T: ValueEnum + Copy>(flag: Option<T>, ask: &mut dyn Ask, question: &str) -> Result<T> {
    if let Some(answer) = flag {
        return Ok(answer);
    }
    let all = T::value_variants();
    let choices: Vec<_> = all
        .iter()
        .filter_map(T::to_possible_value)
        .map(|value| (value.get_name().to_owned(), value.get_help().map(ToString::to_string).unwrap_or_default()))
        .collect();
    Ok(all[ask.ask(question, &choices)?])
}

/// The commands the page gives under a heading.
fn commands(heading: &str) -> Option<&'static str> {
    let section = PAGE.split("\n## ").find_map(|section| section.strip_prefix(heading))?;
    let (_, block) = section.split_once("<!-- provisioning -->\n```sh\n")?;
    Some(block.split_once("\n```")?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Script(Vec<&'static str>);

    impl Ask for Script {
        fn ask(&mut self, question: &str, choices: &[(String, String)]) -> Result<usize> {
            let wanted = self.0.remove(0);
            choices.iter().position(|(name, _)| name == wanted).with_context(|| format!("{question}: no `{wanted}`"))
        }
    }

    #[test]
    #[rustfmt::skip]
    fn every_answer_leads_to_a_way_whose_commands_are_on_the_page() {
        // answers                                  the way
        let table: &[(&[&str], &str)] = &[
            (&["service", "production", "service"], "① This service makes key and certificate"),
            (&["service", "production", "device"],  "② The device makes its key, this service signs"),
            (&["own-ca", "refuse"],                 "③ Registered beforehand"),
            (&["own-ca", "decide"],                 "④ Registered at its first connection (JITR)"),
            (&["own-ca", "template"],               "⑤ … and a template makes thing and policy (JITP)"),
            (&["service", "field"],                 "Fleet provisioning: a claim, then a certificate of its own"),
        ];
        let nothing = AdviseArgs { issuer: None, key: None, when: None, first_seen: None };
        for (answers, heading) in table {
            let way = choose(&nothing, &mut Script(answers.to_vec())).unwrap();
            assert_eq!(way.heading, *heading);
            assert!(commands(heading).is_some_and(|commands| commands.contains("publish")), "{heading}");
        }
        assert!(commands("Before you start").is_some() && commands("Your own CA").is_some());
    }

    #[test]
    fn a_flag_answers_its_question() {
        let args =
            AdviseArgs { issuer: Some(Issuer::OwnCa), key: None, when: None, first_seen: Some(FirstSeen::Template) };
        assert!(choose(&args, &mut Script(vec![])).unwrap().heading.starts_with('⑤'));
        let args = AdviseArgs { key: Some(Key::Device), ..args };
        assert!(choose(&args, &mut Script(vec![])).unwrap_err().to_string().starts_with("--key makes no difference"));
    }
}
