//! One value of a column as text or as JSON.

use crate::read::mapping::Field;
use crate::read::{Fault, Reason, json};
use crate::record::FIELD_BYTES_MAX;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use std::borrow::Cow;
use std::fmt::Write;

/// The value as a field that a record's own fields are taken from.
pub(super) fn field<'a>(column: &'a ArrayRef, at: usize, name: &str) -> Result<Field<'a>, Fault> {
    match column.data_type() {
        DataType::BinaryView => text(column.as_binary_view().value(at), name)
            .map(|text| Field::Text(Cow::Borrowed(text))),
        _ => json(column, at, name).map(|raw| Field::Raw(Cow::Owned(raw))),
    }
}

/// The value as JSON text: numbers and truths as such, dates and times as texts of ISO 8601.
pub(super) fn json(column: &dyn Array, at: usize, name: &str) -> Result<String, Fault> {
    let mut out = String::new();
    Writer { out: &mut out, name }.value(column, at, 0)?;
    Ok(out)
}

fn text<'a>(bytes: &'a [u8], name: &str) -> Result<&'a str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| {
        let place = error.valid_up_to();
        Fault::new(Reason::NotText, format!("column {name:?}: not utf-8 at byte {place}"))
    })
}

struct Writer<'a> {
    out: &'a mut String,
    name: &'a str,
}

/// Writes a value of a primitive type as its `Display`.
macro_rules! display {
    ($writer:expr, $column:expr, $at:expr, $kind:ty) => {
        $writer.plain($column.as_primitive::<$kind>().value($at))
    };
}

impl Writer<'_> {
    fn plain(&mut self, value: impl std::fmt::Display) {
        write!(self.out, "{value}").expect("a string takes everything");
    }

    fn float(&mut self, value: f64) {
        self.out.push_str(&serde_json::to_string(&value).expect("a float has a JSON form"));
    }

    fn quoted(&mut self, value: Option<impl std::fmt::Debug>, zone: &str) {
        match value {
            Some(value) => {
                let text = format!("{value:?}{zone}");
                self.out.push_str(&json::quote(&text));
            }
            None => self.out.push_str("null"),
        }
    }

    fn value(&mut self, column: &dyn Array, at: usize, depth: usize) -> Result<(), Fault> {
        let name = self.name;
        if self.out.len() > FIELD_BYTES_MAX {
            let what = format!("column {name:?}: more than {FIELD_BYTES_MAX} bytes");
            return Err(Fault::new(Reason::TooLong, what));
        }
        if depth > json::DEPTH_MAX {
            let what = format!("column {name:?} is nested deeper than {}", json::DEPTH_MAX);
            return Err(Fault::new(Reason::TooDeep, what));
        }
        if column.is_null(at) {
            self.out.push_str("null");
            return Ok(());
        }
        match column.data_type() {
            DataType::Null => self.out.push_str("null"),
            DataType::Boolean => self.plain(column.as_boolean().value(at)),
            DataType::Int8 => display!(self, column, at, Int8Type),
            DataType::Int16 => display!(self, column, at, Int16Type),
            DataType::Int32 => display!(self, column, at, Int32Type),
            DataType::Int64 => display!(self, column, at, Int64Type),
            DataType::UInt8 => display!(self, column, at, UInt8Type),
            DataType::UInt16 => display!(self, column, at, UInt16Type),
            DataType::UInt32 => display!(self, column, at, UInt32Type),
            DataType::UInt64 => display!(self, column, at, UInt64Type),
            DataType::Float16 => {
                self.float(f64::from(column.as_primitive::<Float16Type>().value(at)));
            }
            DataType::Float32 => {
                let value = column.as_primitive::<Float32Type>().value(at);
                self.out.push_str(&serde_json::to_string(&value).expect("has a JSON form"));
            }
            DataType::Float64 => self.float(column.as_primitive::<Float64Type>().value(at)),
            DataType::Decimal128(..) => {
                let text = column.as_primitive::<Decimal128Type>().value_as_string(at);
                self.out.push_str(&text);
            }
            DataType::BinaryView => {
                let text = text(column.as_binary_view().value(at), name)?;
                self.out.push_str(&json::quote(text));
            }
            DataType::List(_) => self.list(&*column.as_list::<i32>().value(at), depth)?,
            DataType::Map(..) => self.list(&column.as_map().value(at), depth)?,
            DataType::Struct(fields) => {
                let values = column.as_struct();
                for (place, (field, inner)) in fields.iter().zip(values.columns()).enumerate() {
                    self.out.push(if place == 0 { '{' } else { ',' });
                    self.out.push_str(&json::quote(field.name()));
                    self.out.push(':');
                    self.value(inner, at, depth + 1)?;
                }
                self.out.push('}');
            }
            _ => return self.time(column, at),
        }
        Ok(())
    }

    fn list(&mut self, values: &dyn Array, depth: usize) -> Result<(), Fault> {
        self.out.push('[');
        for at in 0..values.len() {
            if at > 0 {
                self.out.push(',');
            }
            self.value(values, at, depth + 1)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn time(&mut self, column: &dyn Array, at: usize) -> Result<(), Fault> {
        use TimeUnit::*;
        match column.data_type() {
            DataType::Date32 => {
                self.quoted(column.as_primitive::<Date32Type>().value_as_date(at), "");
            }
            DataType::Timestamp(unit, zone) => {
                let time = match unit {
                    Second => column.as_primitive::<TimestampSecondType>().value_as_datetime(at),
                    Millisecond => {
                        column.as_primitive::<TimestampMillisecondType>().value_as_datetime(at)
                    }
                    Microsecond => {
                        column.as_primitive::<TimestampMicrosecondType>().value_as_datetime(at)
                    }
                    Nanosecond => {
                        column.as_primitive::<TimestampNanosecondType>().value_as_datetime(at)
                    }
                };
                self.quoted(time, if zone.is_some() { "Z" } else { "" });
            }
            DataType::Time32(Millisecond) => {
                self.quoted(column.as_primitive::<Time32MillisecondType>().value_as_time(at), "");
            }
            DataType::Time64(Microsecond) => {
                self.quoted(column.as_primitive::<Time64MicrosecondType>().value_as_time(at), "");
            }
            DataType::Time64(Nanosecond) => {
                self.quoted(column.as_primitive::<Time64NanosecondType>().value_as_time(at), "");
            }
            other => {
                let what =
                    format!("column {:?} has the type {other}, which is not read", self.name);
                return Err(Fault::new(Reason::WrongType, what));
            }
        }
        Ok(())
    }
}
