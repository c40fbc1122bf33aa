//! The options of all commands that give the values of a matrix another type.

use annmap::dtype::{Dtype, Policy, ValueDtype};

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct ValueArgs {
    /// Type of the values: keep, auto (the narrowest type that holds all values) or a full numpy name
    #[arg(long, default_value = "keep", value_parser = parse_dtype, value_name = "DTYPE")]
    pub(crate) dtype: ValueDtype,
    /// Treatment of values that do not fit the type: exact (refuse), round (to the nearest), saturate (round,
    /// and clip to the range of the type)
    #[arg(long, value_enum, default_value_t = CastArg::Exact)]
    cast: CastArg,
}

impl ValueArgs {
    pub(crate) fn policy(self) -> Policy {
        match self.cast {
            CastArg::Exact => Policy::Exact,
            CastArg::Round => Policy::Round,
            CastArg::Saturate => Policy::Saturate,
        }
    }
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum CastArg {
    Exact,
    Round,
    Saturate,
}

fn parse_dtype(text: &str) -> Result<ValueDtype, String> {
    match text {
        "keep" => Ok(ValueDtype::Keep),
        "auto" => Ok(ValueDtype::Auto),
        name => Dtype::from_name(name)
            .map(ValueDtype::As)
            .map_err(|e| format!("{}; or keep, or auto", e.message())),
    }
}
