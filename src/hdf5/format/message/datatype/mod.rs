//! Datatype message (0x0003): what the bytes of an element mean. HDF5 File Format 3.0, IV.A.2.d.

mod read;
mod write;

pub(crate) use read::read;
pub(crate) use write::write;

#[cfg(test)]
mod tests {
    use super::write;
    use crate::bytes::Cursor;
    use crate::dtype::{Class, Datatype, Dtype, Integer, Member, Order, Padding, Text};
    use crate::error::Result;

    fn read(bytes: &[u8]) -> Result<Datatype> {
        super::read(&mut Cursor::new(bytes, 0), 32)
    }

    const INT32: [u8; 12] = [0x10, 0x08, 0, 0, 4, 0, 0, 0, 0, 0, 32, 0]; // signed, 4 bytes, 32 bits at 0
    const FLOAT32: [u8; 20] = [
        0x11, 0x20, 31, 0, 4, 0, 0, 0, // little-endian, implied bit, sign at 31
        0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0,
        0, // exponent 8 bits at 23, mantissa 23 bits at 0, bias 127
    ];

    #[test]
    fn numbers() {
        let Class::Integer(i) = read(&INT32).unwrap().class else { panic!() };
        assert_eq!(i, Integer { order: Order::Little, signed: true, bit_offset: 0, precision: 32 });
        let Class::Float(f) = read(&FLOAT32).unwrap().class else { panic!() };
        assert_eq!((f.sign_at, f.exponent_at, f.exponent_bits, f.bias, f.normalization), (31, 23, 8, 127, 2));
        let mut wide = INT32;
        wide[10] = 33;
        assert!(read(&wide).is_err(), "33 bits in 4 bytes");
    }

    #[test]
    fn what_is_written_is_read() {
        for dtype in Dtype::ALL {
            let t = Datatype::of(dtype);
            let mut bytes = Vec::new();
            write(&t, &mut bytes).unwrap();
            assert_eq!(read(&bytes).unwrap(), t, "{dtype}");
        }
        let text = Text { padding: Padding::NullPadded, utf8: true };
        let member = |name: &str, offset, datatype| Member { name: name.into(), offset, datatype };
        let array = Class::Array { dims: vec![2, 3], base: Box::new(Datatype::of(Dtype::Int16)) };
        let t = Datatype {
            size: 60,
            class: Class::Compound(vec![
                member("a", 0, Datatype::of(Dtype::Float64)),
                member("a longer name", 8, Datatype { size: 12, class: array }),
                member("text", 20, Datatype { size: 24, class: Class::FixedString(text) }),
                member("any", 44, Datatype::string()),
            ]),
        };
        let mut bytes = Vec::new();
        write(&t, &mut bytes).unwrap();
        assert_eq!(read(&bytes).unwrap(), t);
        // as h5py writes a float64
        bytes.clear();
        write(&Datatype::of(Dtype::Float64), &mut bytes).unwrap();
        assert_eq!(
            bytes,
            [0x11, 0x20, 0x3f, 0, 8, 0, 0, 0, 0, 0, 0x40, 0, 0x34, 0x0b, 0, 0x34, 0xff, 3, 0, 0]
        );
    }

    #[test]
    fn a_bool_is_an_enum() {
        let mut b = vec![0x38, 2, 0, 0, 1, 0, 0, 0]; // version 3 enum of two, one byte
        b.extend([0x10, 0x08, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0]); // int8
        b.extend(b"FALSE\0TRUE\0\x00\x01");
        assert!(read(&b).unwrap().is_bool());
    }

    #[test]
    fn compounds_of_versions_1_and_3() {
        let mut v1 = vec![0x16, 1, 0, 0, 8, 0, 0, 0]; // one member, 8 bytes
        v1.extend(b"ab\0\0\0\0\0\0");
        v1.extend([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]); // offset 0, one dimension
        v1.extend([2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]); // of 2
        v1.extend(INT32);
        let Class::Compound(m) = read(&v1).unwrap().class else { panic!() };
        assert!(matches!(&m[0].datatype.class, Class::Array { dims, .. } if dims == &[2]));
        let mut v3 = vec![0x36, 1, 0, 0, 8, 0, 0, 0];
        v3.extend(b"ab\0\x04");
        v3.extend(INT32);
        let Class::Compound(m) = read(&v3).unwrap().class else { panic!() };
        assert_eq!((m[0].name.as_str(), m[0].offset), ("ab", 4));
        v3[11] = 5;
        assert!(read(&v3).is_err(), "member past the end");
    }

    #[test]
    fn a_type_nested_without_end_is_refused() {
        let mut b = Vec::new();
        for _ in 0..100 {
            b.extend([0x19, 0, 0, 0, 16, 0, 0, 0]); // variable length of ...
        }
        assert_eq!(read(&b).unwrap_err().kind(), crate::Kind::Limit);
    }
}
