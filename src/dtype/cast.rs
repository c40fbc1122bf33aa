//! Converts values from one type to another by a policy.

use super::{Dtype, Element, with_element};
use half::f16;

/// Treatment of values that the new type cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// Refuse them, and refuse any loss of precision.
    #[default]
    Exact,
    /// Round to the nearest value of the new type (ties to even); refuse values out of range.
    Round,
    /// Like `Round`, but values out of range become the end of the range. NaN as an integer is refused.
    Saturate,
}

impl Policy {
    /// Name of the policy: `exact`, `round` or `saturate`.
    pub fn name(self) -> &'static str {
        match self {
            Policy::Exact => "exact",
            Policy::Round => "round",
            Policy::Saturate => "saturate",
        }
    }
}

/// A number during conversion.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// Any integer.
    Int(i128),
    /// Any float.
    Float(f64),
}

/// Conversions between [`Element`]s through `i128` and `f64`. Code outside this crate cannot name this trait,
/// so it cannot implement `Element`.
pub trait Convert: Sized {
    /// Whether float64 represents every value of the type.
    const IN_DOUBLE: bool;
    /// The value as an integer or a float.
    fn number(self) -> Number;
    /// The nearest float64.
    fn double(self) -> f64;
    /// The value nearest to `v`, saturating; NaN becomes 0 if the type has none.
    fn nearest(v: f64) -> Self;
    /// Converts `v` by `policy`; `None` if it is refused.
    fn from_int(v: i128, policy: Policy) -> Option<Self>;
    /// Converts `v` by `policy`; `None` if it is refused.
    fn from_float(v: f64, policy: Policy) -> Option<Self>;
}

/// Converts `v` to another type by `policy`; `None` if it is refused.
#[inline]
pub(super) fn converted<S: Element, D: Element>(v: S, policy: Policy) -> Option<D> {
    if S::DTYPE as u8 == D::DTYPE as u8 {
        return Some(bytemuck::cast(v));
    }
    if S::IN_DOUBLE && D::IN_DOUBLE && policy == Policy::Exact {
        // Converts to float64 and back in registers: a value that changes was not exact.
        let wide = v.double();
        let made = D::nearest(wide);
        return (made.double() == wide || (wide.is_nan() && made.double().is_nan())).then_some(made);
    }
    match v.number() {
        Number::Int(v) => D::from_int(v, policy),
        Number::Float(v) => D::from_float(v, policy),
    }
}

/// Converts as many values of type `from` as `out` holds. `Err` is the index of the first that does not fit.
pub(crate) fn convert_into<D: Element>(
    from: Dtype,
    bytes: &[u8],
    out: &mut [D],
    policy: Policy,
) -> Result<(), usize> {
    with_element!(from, S => {
        let all = bytes.chunks_exact(size_of::<S>()).map(bytemuck::pod_read_unaligned::<S>);
        let mut fits = true;
        for (o, v) in out.iter_mut().zip(all.clone()) {
            // Without an early exit, so that the loop can be vectorised; the index of the error is searched
            // afterwards.
            let made = converted::<S, D>(v, policy);
            fits &= made.is_some();
            *o = made.unwrap_or(*o);
        }
        if fits {
            return Ok(());
        }
        Err(all.take(out.len()).position(|v| converted::<S, D>(v, policy).is_none()).unwrap_or(0))
    })
}

/// The integer nearest to `v` within `low..=high`, by `policy`; `None` if it is refused.
fn integer(v: f64, low: i128, high: i128, policy: Policy) -> Option<i128> {
    let whole = if policy == Policy::Exact { v } else { v.round_ties_even() };
    if v.is_nan() || (policy == Policy::Exact && v.fract() != 0.0) {
        return None;
    }
    // `as` saturates far outside all ranges used here, also for infinities.
    clamp(whole as i128, low, high, policy)
}

fn clamp(v: i128, low: i128, high: i128, policy: Policy) -> Option<i128> {
    match policy {
        Policy::Saturate => Some(v.clamp(low, high)),
        _ => (low..=high).contains(&v).then_some(v),
    }
}

macro_rules! integers {
    ($($T:ty),*) => {$(
        impl Convert for $T {
            const IN_DOUBLE: bool = size_of::<$T>() < 8;
            fn number(self) -> Number { Number::Int(self as i128) }
            fn double(self) -> f64 { self as f64 }
            fn nearest(v: f64) -> Self { v as $T }
            fn from_int(v: i128, policy: Policy) -> Option<Self> {
                clamp(v, <$T>::MIN as i128, <$T>::MAX as i128, policy).map(|v| v as $T)
            }
            fn from_float(v: f64, policy: Policy) -> Option<Self> {
                integer(v, <$T>::MIN as i128, <$T>::MAX as i128, policy).map(|v| v as $T)
            }
        }
    )*};
}
integers!(u8, u16, u32, u64, i8, i16, i32, i64);

/// Applies `policy` to a narrowed float: `made` is `v` in the new type, `back` is `made` as float64, and
/// `most` has the least and the greatest finite value of the new type.
fn narrowed<T>(v: f64, made: T, back: f64, most: (T, T), policy: Policy) -> Option<T> {
    if v.is_nan() || back == v {
        return Some(made);
    }
    match policy {
        Policy::Exact => None,
        Policy::Round => back.is_finite().then_some(made),
        Policy::Saturate if back.is_finite() => Some(made),
        Policy::Saturate => Some(if v > 0.0 { most.1 } else { most.0 }),
    }
}

macro_rules! floats {
    ($($T:ty, $to:expr, $from:expr;)*) => {$(
        impl Convert for $T {
            const IN_DOUBLE: bool = true;
            fn number(self) -> Number { Number::Float($to(self)) }
            fn double(self) -> f64 { $to(self) }
            fn nearest(v: f64) -> Self { $from(v) }
            fn from_int(v: i128, policy: Policy) -> Option<Self> {
                let wide = v as f64;
                // Up to 2^53, float64 represents every integer.
                if policy == Policy::Exact && v.unsigned_abs() > 1 << 53 && wide as i128 != v {
                    return None;
                }
                Self::from_float(wide, policy)
            }
            fn from_float(v: f64, policy: Policy) -> Option<Self> {
                let made: $T = $from(v);
                narrowed(v, made, $to(made), (<$T>::MIN, <$T>::MAX), policy)
            }
        }
    )*};
}
floats! {
    f16, f16::to_f64, f16::from_f64;
    f32, f64::from, |v| v as f32;
    f64, |v| v, |v| v;
}

/// Converts all values of `from` into `to`; both buffers hold the same number of elements. `Err` is the index
/// of the first that does not fit.
pub(crate) fn cast(
    from: Dtype,
    bytes: &[u8],
    to: Dtype,
    out: &mut [u8],
    policy: Policy,
) -> Result<(), usize> {
    if from == to || (from, to) == (Dtype::Bool, Dtype::Uint8) {
        out.copy_from_slice(bytes);
        return Ok(());
    }
    with_element!(from, S => with_element!(to, D => {
        // Bool holds only 0 and 1, although it is stored as a byte.
        let limit = |v: D| if to == Dtype::Bool { bool_byte(v, policy) } else { Some(v) };
        convert::<S, D>(bytes, out, policy, limit)
    }))
}

fn convert<S: Element, D: Element>(
    bytes: &[u8],
    out: &mut [u8],
    policy: Policy,
    limit: impl Fn(D) -> Option<D>,
) -> Result<(), usize> {
    let pairs = bytes.chunks_exact(size_of::<S>()).zip(out.chunks_exact_mut(size_of::<D>()));
    for (i, (s, o)) in pairs.enumerate() {
        let v = match bytemuck::pod_read_unaligned::<S>(s).number() {
            Number::Int(v) => D::from_int(v, policy),
            Number::Float(v) => D::from_float(v, policy),
        };
        let v = v.and_then(&limit).ok_or(i)?;
        o.copy_from_slice(bytemuck::bytes_of(&v));
    }
    Ok(())
}

fn bool_byte<D: Element>(v: D, policy: Policy) -> Option<D> {
    let Number::Int(n) = v.number() else { return None };
    clamp(n, 0, 1, policy).and_then(|n| D::from_int(n, policy))
}

/// Determines the narrowest type that holds every value seen; an integer type if all values are integers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Narrowest {
    low: i128,
    high: i128,
    integral: bool,
    /// Whether float32 holds every value.
    single: bool,
}

impl Default for Narrowest {
    fn default() -> Self {
        Narrowest { low: 0, high: 0, integral: true, single: true }
    }
}

impl Narrowest {
    /// Adds the values of a block.
    pub(crate) fn add(&mut self, dtype: Dtype, bytes: &[u8]) {
        with_element!(dtype, T => self.add_all::<T>(bytes));
    }

    fn add_all<T: Element>(&mut self, bytes: &[u8]) {
        for one in bytes.chunks_exact(size_of::<T>()) {
            match bytemuck::pod_read_unaligned::<T>(one).number() {
                Number::Int(v) => {
                    self.low = self.low.min(v);
                    self.high = self.high.max(v);
                }
                Number::Float(v) => {
                    if v.fract() == 0.0 && v.abs() < 1e19 && !(v == 0.0 && v.is_sign_negative()) {
                        self.low = self.low.min(v as i128);
                        self.high = self.high.max(v as i128);
                    } else {
                        self.integral = false;
                    }
                    self.single = self.single && f32::from_float(v, Policy::Exact).is_some();
                }
            }
        }
    }

    /// Combines two results.
    pub(crate) fn merge(self, other: Self) -> Self {
        Narrowest {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            integral: self.integral && other.integral,
            single: self.single && other.single,
        }
    }

    /// The narrowest type for values of type `from`; never wider than `from`, and float16 only if `from` is,
    /// because scipy has no matrices of it.
    pub(crate) fn dtype(&self, from: Dtype) -> Dtype {
        let best = if from == Dtype::Bool {
            Some(Dtype::Bool)
        } else if self.integral {
            Dtype::least_integer(self.low, self.high)
        } else if self.single {
            Some(Dtype::Float32)
        } else {
            None
        };
        best.filter(|d| d.size() <= from.size()).unwrap_or(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one<S: Element>(v: S, to: Dtype, policy: Policy) -> Option<crate::dtype::Scalar> {
        let mut out = vec![0; to.size()];
        cast(S::DTYPE, bytemuck::bytes_of(&v), to, &mut out, policy).ok()?;
        crate::dtype::scalar_at(to, &out, 0)
    }

    #[test]
    fn the_values_that_other_tools_wrap() {
        use crate::dtype::Scalar::Int;
        for v in [300.0f32, -1.0, f32::NAN, 1.5, f32::INFINITY] {
            assert_eq!(one(v, Dtype::Uint8, Policy::Exact), None, "{v}");
        }
        assert_eq!(one(40000.0f32, Dtype::Int16, Policy::Exact), None);
        assert_eq!(one(255.0f32, Dtype::Uint8, Policy::Exact), Some(Int(255)));
        assert_eq!(one(300.0f32, Dtype::Uint8, Policy::Saturate), Some(Int(255)));
        assert_eq!(one(-1.0f64, Dtype::Uint8, Policy::Saturate), Some(Int(0)));
        assert_eq!(one(f64::NAN, Dtype::Uint8, Policy::Saturate), None);
        assert_eq!(one(1.5f32, Dtype::Uint8, Policy::Round), Some(Int(2)));
        assert_eq!(one(2.5f32, Dtype::Uint8, Policy::Round), Some(Int(2)));
        assert_eq!(one(300.0f32, Dtype::Uint8, Policy::Round), None);
    }

    #[test]
    fn the_ends_of_the_ranges() {
        assert_eq!(one(9.223_372_036_854_776e18_f64, Dtype::Int64, Policy::Exact), None, "2^63");
        assert!(one(-9.223_372_036_854_776e18_f64, Dtype::Int64, Policy::Exact).is_some());
        assert_eq!(one(u64::MAX, Dtype::Int64, Policy::Exact), None);
        assert_eq!(one((1i64 << 53) + 1, Dtype::Float64, Policy::Exact), None);
        assert!(one((1i64 << 53) + 1, Dtype::Float64, Policy::Round).is_some());
        assert_eq!(one(16_777_217i32, Dtype::Float32, Policy::Exact), None);
        assert_eq!(one(1e300f64, Dtype::Float32, Policy::Round), None);
        assert!(one(1e300f64, Dtype::Float32, Policy::Saturate).is_some());
        assert!(one(f64::INFINITY, Dtype::Float32, Policy::Exact).is_some());
        assert_eq!(one(2u8, Dtype::Bool, Policy::Exact), None);
    }

    #[test]
    fn the_short_way_agrees_with_the_long_one() {
        let values = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            1.5,
            127.0,
            128.0,
            255.0,
            256.0,
            65_535.0,
            65_504.0,
            65_505.0,
            2_147_483_648.0,
        ];
        let more = [4_294_967_295.0, 16_777_217.0, 0.1, 1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        for v in values.into_iter().chain(more) {
            for to in Dtype::ALL.into_iter().filter(|d| *d != Dtype::Bool) {
                let long = one(v, to, Policy::Exact);
                let short = with_element!(to, D => {
                    let mut out = [<D as bytemuck::Zeroable>::zeroed()];
                    let done = convert_into(Dtype::Float64, bytemuck::bytes_of(&v), &mut out, Policy::Exact);
                    done.ok().map(|()| out[0].scalar())
                });
                assert_eq!(format!("{long:?}"), format!("{short:?}"), "{v} as {to}");
            }
        }
    }

    #[test]
    fn the_narrowest_type() {
        let narrowest = |v: &[f32]| {
            let mut n = Narrowest::default();
            n.add(Dtype::Float32, bytemuck::cast_slice(v));
            n.dtype(Dtype::Float32)
        };
        assert_eq!(narrowest(&[]), Dtype::Uint8);
        assert_eq!(narrowest(&[0.0, 255.0]), Dtype::Uint8);
        assert_eq!(narrowest(&[256.0]), Dtype::Uint16);
        assert_eq!(narrowest(&[-1.0]), Dtype::Int8);
        assert_eq!(narrowest(&[0.5]), Dtype::Float32, "scipy has no float16");
        assert_eq!(narrowest(&[0.1]), Dtype::Float32);
        assert_eq!(narrowest(&[-0.0]), Dtype::Float32, "the sign of zero is kept");
        let halves = [half::f16::from_f32(0.5)];
        let mut n = Narrowest::default();
        n.add(Dtype::Float16, bytemuck::cast_slice(&halves));
        assert_eq!(n.dtype(Dtype::Float16), Dtype::Float16, "never wider than before");
        assert_eq!(narrowest(&[1e18]), Dtype::Float32, "never wider than before");
    }
}
