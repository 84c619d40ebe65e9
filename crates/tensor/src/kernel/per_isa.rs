//! One body, compiled per instruction set.
//!
//! For loops that the compiler turns into vector instructions by itself. Invariant: the twins are
//! the same integer code, so they cannot differ in their results.

/// Declares a function and its twin compiled for AVX2; the instruction set picks one.
macro_rules! per_isa {
    ($(#[$doc:meta])* $name:ident ( $($arg:ident : $type:ty),* $(,)? ) $body:block) => {
        $(#[$doc])*
        #[inline]
        pub(crate) fn $name(isa: Isa, $($arg: $type),*) {
            #[inline(always)]
            fn plain($($arg: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2($($arg: $type),*) {
                plain($($arg),*);
            }

            match isa {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: both are only handed out where the machine has AVX2.
                Isa::Avx2 | Isa::Avx512 => unsafe { avx2($($arg),*) },
                _ => plain($($arg),*),
            }
        }
    };
}

pub(super) use per_isa;
