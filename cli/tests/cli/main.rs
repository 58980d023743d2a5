//! The command from outside: a real process against a small HTTP server of the test's own. Against the real server it is tested in
//! `/tests`.
#[cfg(test)]
mod audit;
#[cfg(test)]
mod codes;
mod creds;
#[cfg(test)]
mod flow;
#[cfg(test)]
mod help;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod log;
#[cfg(test)]
mod receipts;
#[cfg(test)]
mod run;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod terminal;
