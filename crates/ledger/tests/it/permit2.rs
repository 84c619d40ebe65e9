//! Permit2: allowances and transfers by signature, as wallets sign them and applications ask for them.

use crate::support::{Account, CHAIN_ID, TOKEN, World};
use alloy_primitives::{Address, B256, Bytes, Signature, U160, U256, address, hex};
use alloy_sol_types::{Eip712Domain, SolCall, SolError, SolEvent, SolStruct, eip712_domain, sol};
use terroir_ledger::execute::Executed;

sol! {
    #[derive(Debug)]
    struct PermitDetails { address token; uint160 amount; uint48 expiration; uint48 nonce; }
    struct PermitSingle { PermitDetails details; address spender; uint256 sigDeadline; }
    struct PermitBatch { PermitDetails[] details; address spender; uint256 sigDeadline; }
    struct TokenPermissions { address token; uint256 amount; }

    interface IPermit2 {
        struct PermitTransferFrom { TokenPermissions permitted; uint256 nonce; uint256 deadline; }
        struct PermitBatchTransferFrom {
            TokenPermissions[] permitted; uint256 nonce; uint256 deadline;
        }
        struct To { address to; uint256 requestedAmount; }
        struct Move { address from; address to; uint160 amount; address token; }
        struct Pair { address token; address spender; }

        error AllowanceExpired(uint256 deadline);
        error InsufficientAllowance(uint256 amount);
        error ExcessiveInvalidation();
        error InvalidAmount(uint256 maxAmount);
        error LengthMismatch();
        error SignatureExpired(uint256 signatureDeadline);
        error InvalidNonce();
        error InvalidSignatureLength();
        error InvalidSignature();
        error InvalidSigner();
        error InvalidContractSignature();

        event Approval(address indexed owner, address indexed token, address indexed spender,
            uint160 amount, uint48 expiration);
        event Permit(address indexed owner, address indexed token, address indexed spender,
            uint160 amount, uint48 expiration, uint48 nonce);
        event Lockdown(address indexed owner, address token, address spender);
        event NonceInvalidation(address indexed owner, address indexed token,
            address indexed spender, uint48 newNonce, uint48 oldNonce);
        event UnorderedNonceInvalidation(address indexed owner, uint256 word, uint256 mask);

        function DOMAIN_SEPARATOR() external view returns (bytes32);
        function allowance(address owner, address token, address spender) external view
            returns (uint160 amount, uint48 expiration, uint48 nonce);
        function nonceBitmap(address owner, uint256 word) external view returns (uint256);
        function approve(address token, address spender, uint160 amount, uint48 expiration)
            external;
        function permit(address owner, PermitSingle permitSingle, bytes signature) external;
        function permit(address owner, PermitBatch permitBatch, bytes signature) external;
        function transferFrom(address from, address to, uint160 amount, address token) external;
        function transferFrom(Move[] transferDetails) external;
        function lockdown(Pair[] approvals) external;
        function invalidateNonces(address token, address spender, uint48 newNonce) external;
        function permitTransferFrom(PermitTransferFrom permit, To transferDetails, address owner,
            bytes signature) external;
        function permitTransferFrom(PermitBatchTransferFrom permit, To[] transferDetails,
            address owner, bytes signature) external;
        function permitWitnessTransferFrom(PermitTransferFrom permit, To transferDetails,
            address owner, bytes32 witness, string witnessTypeString, bytes signature) external;
        function permitWitnessTransferFrom(PermitBatchTransferFrom permit, To[] transferDetails,
            address owner, bytes32 witness, string witnessTypeString, bytes signature) external;
        function invalidateUnorderedNonces(uint256 wordPos, uint256 mask) external;
    }

    interface IToken {
        function deposit() external payable;
        function approve(address spender, uint256 value) external returns (bool);
        function balanceOf(address of) external view returns (uint256);
    }
}

/// What an owner signs, which names the spender too.
mod signed {
    use super::TokenPermissions;
    alloy_sol_types::sol! {
        struct Order { address maker; uint256 price; }
        struct PermitTransferFrom {
            TokenPermissions permitted; address spender; uint256 nonce; uint256 deadline;
        }
        struct PermitBatchTransferFrom {
            TokenPermissions[] permitted; address spender; uint256 nonce; uint256 deadline;
        }
        struct PermitWitnessTransferFrom {
            TokenPermissions permitted; address spender; uint256 nonce; uint256 deadline;
            Order witness;
        }
        struct PermitBatchWitnessTransferFrom {
            TokenPermissions[] permitted; address spender; uint256 nonce; uint256 deadline;
            Order witness;
        }
    }
}

use IPermit2::*;

const PERMIT2: Address = address!("000000000022D473030F116dDEE9F6B43aC78BA3");
const WRAPPED: Address = address!("0000000000000000000000000000000000007e10");
/// A second token, with the code of the first.
const OTHER: Address = address!("00000000000000000000000000000000000a0001");
/// A wallet that takes a hash for its own signature.
const WALLET: Address = address!("00000000000000000000000000000000000a0002");
/// A token that answers nothing, and one that answers `false`.
const SILENT: Address = address!("00000000000000000000000000000000000a0003");
const FALSE: Address = address!("00000000000000000000000000000000000a0004");
/// An account without code.
const NOBODY: Address = address!("00000000000000000000000000000000000a0005");
const ORDER_TYPE: &str = "Order witness)Order(address maker,uint256 price)\
                          TokenPermissions(address token,uint256 amount)";
const FAR: u64 = 1_900_000_000;

fn domain() -> Eip712Domain {
    eip712_domain! { name: "Permit2", chain_id: CHAIN_ID, verifying_contract: PERMIT2, }
}

/// 65 bytes: r, s, v of 27 or 28.
fn sign(who: &Account, what: &impl SolStruct) -> Bytes {
    signature(who, what).as_bytes().to_vec().into()
}

fn signature(who: &Account, what: &impl SolStruct) -> Signature {
    who.sign_hash(what.eip712_signing_hash(&domain()))
}

fn refusal(error: impl SolError) -> String {
    let bytes = Bytes::from(error.abi_encode());
    alloy_sol_types::decode_revert_reason(&bytes).unwrap_or_else(|| bytes.to_string())
}

fn event<E: SolEvent>(done: &Executed) -> E {
    let logs = done.receipts[0].logs();
    let found = logs.iter().find_map(|log| E::decode_log(log).ok());
    found.expect("the event").data
}

fn permissions(token: Address, amount: u128) -> TokenPermissions {
    TokenPermissions { token, amount: U256::from(amount) }
}

fn details(token: Address, amount: u64, nonce: u64) -> PermitDetails {
    let nonce = alloy_primitives::aliases::U48::from(nonce);
    let expiration = alloy_primitives::aliases::U48::from(FAR);
    PermitDetails { token, amount: U160::from(amount), expiration, nonce }
}

/// A chain on which alice holds both tokens and has approved Permit2 at them, once.
struct Shop {
    world: World,
    alice: Account,
    bob: Account,
}

impl Shop {
    fn open() -> Shop {
        let wrapped = hex::encode_prefixed(crate::predeploy::code("Wrapped"));
        let world = World::with(&format!(
            "[accounts.\"{OTHER}\"]\ncode = \"{wrapped}\"\n\
             [accounts.\"{WALLET}\"]\n\
             code = \"0x60643560043514631626ba7e0260e01b5f5260205ff3\"\n\
             [accounts.\"{SILENT}\"]\ncode = \"0x00\"\n\
             [accounts.\"{FALSE}\"]\ncode = \"0x5f5f5260205ff3\"\n"
        ));
        let (alice, bob) = (world.alice.clone(), world.bob.clone());
        let mut shop = Shop { world, alice: alice.clone(), bob };
        for token in [WRAPPED, OTHER] {
            shop.world.call(&alice, token, 5 * TOKEN, &IToken::depositCall {}).unwrap();
            let all = IToken::approveCall { spender: PERMIT2, value: U256::MAX };
            shop.world.call(&alice, token, 0, &all).unwrap();
        }
        shop
    }

    fn held(&self, token: Address, of: Address) -> u64 {
        let held = self.world.read(token, &IToken::balanceOfCall { of }).unwrap();
        held.saturating_to()
    }

    /// What bob asks Permit2 for.
    fn bob(&mut self, ask: &impl SolCall) -> Result<Executed, String> {
        let bob = self.bob.clone();
        self.world.call(&bob, PERMIT2, 0, ask)
    }

    fn alice(&mut self, ask: &impl SolCall) -> Result<Executed, String> {
        let alice = self.alice.clone();
        self.world.call(&alice, PERMIT2, 0, ask)
    }

    fn allowance(&self, owner: Address, token: Address) -> (u64, u64, u64) {
        let ask = allowanceCall { owner, token, spender: self.bob.address };
        let got = self.world.read(PERMIT2, &ask).unwrap();
        (got.amount.saturating_to(), got.expiration.to(), got.nonce.to())
    }

    /// Alice lets bob take `amount` of `token` once; she signs, bob asks for `wanted`.
    fn once(&self, nonce: u64, deadline: u64, wanted: u64) -> permitTransferFrom_0Call {
        let (nonce, deadline) = (U256::from(nonce), U256::from(deadline));
        let spender = self.bob.address;
        let permitted = permissions(WRAPPED, 1_000);
        let what = signed::PermitTransferFrom { permitted, spender, nonce, deadline };
        permitTransferFrom_0Call {
            permit: PermitTransferFrom { permitted: what.permitted.clone(), nonce, deadline },
            transferDetails: To { to: spender, requestedAmount: U256::from(wanted) },
            owner: self.alice.address,
            signature: sign(&self.alice, &what),
        }
    }

    /// Alice lets bob spend, for as long as she said.
    fn allow(&self, amount: u64, nonce: u64, deadline: u64) -> permit_0Call {
        let single = PermitSingle {
            details: details(WRAPPED, amount, nonce),
            spender: self.bob.address,
            sigDeadline: U256::from(deadline),
        };
        let signature = sign(&self.alice, &single);
        permit_0Call { owner: self.alice.address, permitSingle: single, signature }
    }

    fn take(&self, amount: u64) -> transferFrom_0Call {
        let (from, to) = (self.alice.address, self.bob.address);
        transferFrom_0Call { from, to, amount: U160::from(amount), token: WRAPPED }
    }
}

/// What others compute from the same values: `@uniswap/permit2-sdk` 1.4.0 gave these digests.
#[test]
fn what_is_signed_is_what_wallets_sign() {
    let a = Address::repeat_byte;
    let spender = a(0x22);
    let deadline = U256::from(FAR);
    let of = |token| PermitDetails {
        expiration: alloy_primitives::aliases::U48::from(1_800_000_000u64),
        ..details(token, 1_000, 3)
    };
    let single = PermitSingle { details: of(a(0x11)), spender, sigDeadline: deadline };
    let both = vec![of(a(0x11)), of(a(0x33))];
    let batch = PermitBatch { details: both, spender, sigDeadline: deadline };
    let (one, two) = (permissions(a(0x11), 1_000), permissions(a(0x33), 1_000));
    let both = vec![one.clone(), two];
    let nonce = U256::from(7);
    let order = signed::Order { maker: a(0x44), price: U256::from(5) };
    let transfer = signed::PermitTransferFrom { permitted: one.clone(), spender, nonce, deadline };
    let transfers =
        signed::PermitBatchTransferFrom { permitted: both.clone(), spender, nonce, deadline };
    let witness = signed::PermitWitnessTransferFrom {
        permitted: one,
        spender,
        nonce,
        deadline,
        witness: order.clone(),
    };
    let witnesses = signed::PermitBatchWitnessTransferFrom {
        permitted: both,
        spender,
        nonce,
        deadline,
        witness: order,
    };
    let found = [
        single.eip712_signing_hash(&domain()),
        batch.eip712_signing_hash(&domain()),
        transfer.eip712_signing_hash(&domain()),
        transfers.eip712_signing_hash(&domain()),
        witness.eip712_signing_hash(&domain()),
        witnesses.eip712_signing_hash(&domain()),
    ];
    let expected = [
        "0e5509018c9c0f484ad3d1f9365fc64bb362bbc747a7485f66f09b26aeb8dc3c",
        "a118dd9268a951a1db0fd4f4b17a4b7917151c6de83a448f19697c8f8881a53e",
        "06015071a34368c02a18ecb8df48918ebadb89c94009701a2bd9fe4aaa8deb00",
        "4af53be6e7054a9dc365077106b47eb7c5afba2e9f1558db6329eefe82b10485",
        "c139920e07729cb4999710059aa574ebabc15f53f9ae2cef9fbdc676c5585520",
        "52c7839d89962670fb46719a468049794bf393bc7794d7a6a50d9c367f8cbd46",
    ];
    assert_eq!(found.map(hex::encode), expected);
    let separator = Shop::open().world.read(PERMIT2, &DOMAIN_SEPARATORCall {}).unwrap();
    assert_eq!(separator, domain().separator());
}

#[test]
fn a_signature_moves_tokens_once() {
    let mut shop = Shop::open();
    let ask = shop.once(7, FAR, 600);
    shop.bob(&ask).unwrap();
    assert_eq!(shop.held(WRAPPED, shop.bob.address), 600);
    assert_eq!(shop.bob(&ask).err().unwrap(), refusal(InvalidNonce {}));
    // Nonces have no order: a lower one, and one of another word, are as good.
    for nonce in [6, 300] {
        let ask = shop.once(nonce, FAR, 1_000);
        shop.bob(&ask).unwrap();
    }
    let word = |word| nonceBitmapCall { owner: shop.alice.address, word: U256::from(word) };
    assert_eq!(shop.world.read(PERMIT2, &word(0)).unwrap(), U256::from(0xc0));
    assert_eq!(shop.world.read(PERMIT2, &word(1)).unwrap(), U256::from(1u64 << 44));
    assert_eq!(shop.held(WRAPPED, shop.bob.address), 2_600);
}

#[test]
fn what_was_not_signed_moves_nothing() {
    let mut shop = Shop::open();
    let good = shop.once(0, FAR, 600);
    let now = shop.world.place(0).time_ms / 1_000;
    let refused = |shop: &mut Shop, ask: &permitTransferFrom_0Call, why: String| {
        assert_eq!(shop.bob(ask).err().unwrap(), why);
        assert_eq!(shop.held(WRAPPED, shop.bob.address), 0);
    };
    let late = shop.once(0, now - 10, 600);
    let deadline = U256::from(now - 10);
    refused(&mut shop, &late, refusal(SignatureExpired { signatureDeadline: deadline }));
    let more = shop.once(0, FAR, 1_001);
    refused(&mut shop, &more, refusal(InvalidAmount { maxAmount: U256::from(1_000) }));
    // Of another, of more than was signed, or for another spender: somebody else's signature.
    let mut other = good.clone();
    other.owner = shop.bob.address;
    refused(&mut shop, &other, refusal(InvalidSigner {}));
    let mut other = good.clone();
    other.permit.permitted.amount = U256::from(2_000);
    refused(&mut shop, &other, refusal(InvalidSigner {}));
    let alice = shop.alice.clone();
    let taken = shop.world.call(&alice, PERMIT2, 0, &good).err().unwrap();
    assert_eq!(taken, refusal(InvalidSigner {}));
    let mut other = good.clone();
    other.signature = [&good.signature[..64], &[29]].concat().into();
    refused(&mut shop, &other, refusal(InvalidSignature {}));
    for bytes in [0, 63, 66] {
        let mut other = good.clone();
        other.signature = vec![1; bytes].into();
        refused(&mut shop, &other, refusal(InvalidSignatureLength {}));
    }
    // Its nonce was not used up by what was refused.
    shop.bob(&good).unwrap();
}

#[test]
fn a_signature_may_be_64_bytes_long() {
    let mut shop = Shop::open();
    let mut parities = [false; 2];
    for nonce in 0..8 {
        let mut ask = shop.once(nonce, FAR, 10);
        let long = Signature::from_raw(&ask.signature).unwrap();
        parities[usize::from(long.v())] = true;
        ask.signature = long.as_erc2098().to_vec().into();
        shop.bob(&ask).unwrap();
    }
    assert_eq!((shop.held(WRAPPED, shop.bob.address), parities), (80, [true; 2]));
}

#[test]
fn an_owner_can_use_up_nonces_unseen() {
    let mut shop = Shop::open();
    let ask = shop.once(5, FAR, 600);
    let mask = U256::from(1 << 5);
    let done = shop.alice(&invalidateUnorderedNoncesCall { wordPos: U256::ZERO, mask }).unwrap();
    let told: UnorderedNonceInvalidation = event(&done);
    assert_eq!((told.owner, told.word, told.mask), (shop.alice.address, U256::ZERO, mask));
    assert_eq!(shop.bob(&ask).err().unwrap(), refusal(InvalidNonce {}));
}

#[test]
fn a_batch_moves_several_tokens_under_one_signature() {
    let mut shop = Shop::open();
    let (spender, nonce, deadline) = (shop.bob.address, U256::from(9), U256::from(FAR));
    let permitted = vec![permissions(WRAPPED, 100), permissions(OTHER, 200)];
    let what = signed::PermitBatchTransferFrom { permitted, spender, nonce, deadline };
    let to = |amount: u64| To { to: spender, requestedAmount: U256::from(amount) };
    let ask = |details: Vec<To>| permitTransferFrom_1Call {
        permit: PermitBatchTransferFrom { permitted: what.permitted.clone(), nonce, deadline },
        transferDetails: details,
        owner: shop.alice.address,
        signature: sign(&shop.alice, &what),
    };
    let (short, over) = (ask(vec![to(1)]), ask(vec![to(100), to(201)]));
    let good = ask(vec![to(100), to(150)]);
    let mut late = good.clone();
    late.permit.deadline = U256::from(1);
    let mut other = good.clone();
    other.permit.permitted.swap(0, 1);
    assert_eq!(shop.bob(&short).err().unwrap(), refusal(LengthMismatch {}));
    let most = InvalidAmount { maxAmount: U256::from(200) };
    assert_eq!(shop.bob(&over).err().unwrap(), refusal(most));
    let expired = SignatureExpired { signatureDeadline: U256::from(1) };
    assert_eq!(shop.bob(&late).err().unwrap(), refusal(expired));
    assert_eq!(shop.bob(&other).err().unwrap(), refusal(InvalidSigner {}));
    shop.bob(&good).unwrap();
    assert_eq!((shop.held(WRAPPED, spender), shop.held(OTHER, spender)), (100, 150));
    assert_eq!(shop.bob(&good).err().unwrap(), refusal(InvalidNonce {}));
}

#[test]
fn a_witness_binds_a_transfer_to_what_it_is_for() {
    let mut shop = Shop::open();
    let (spender, deadline) = (shop.bob.address, U256::from(FAR));
    let order = signed::Order { maker: shop.alice.address, price: U256::from(5) };
    let (nonce, permitted) = (U256::from(1), permissions(WRAPPED, 100));
    let what = signed::PermitWitnessTransferFrom {
        permitted: permitted.clone(),
        spender,
        nonce,
        deadline,
        witness: order.clone(),
    };
    let to = To { to: spender, requestedAmount: U256::from(100) };
    let good = permitWitnessTransferFrom_0Call {
        permit: PermitTransferFrom { permitted: permitted.clone(), nonce, deadline },
        transferDetails: to.clone(),
        owner: shop.alice.address,
        witness: order.eip712_hash_struct(),
        witnessTypeString: ORDER_TYPE.into(),
        signature: sign(&shop.alice, &what),
    };
    let mut other = good.clone();
    other.witness = B256::repeat_byte(1);
    assert_eq!(shop.bob(&other).err().unwrap(), refusal(InvalidSigner {}));
    let mut other = good.clone();
    other.witnessTypeString = ORDER_TYPE.replace("price", "prize");
    assert_eq!(shop.bob(&other).err().unwrap(), refusal(InvalidSigner {}));
    shop.bob(&good).unwrap();
    let nonce = U256::from(2);
    let what = signed::PermitBatchWitnessTransferFrom {
        permitted: vec![permitted],
        spender,
        nonce,
        deadline,
        witness: order.clone(),
    };
    let permitted = what.permitted.clone();
    let batch = permitWitnessTransferFrom_1Call {
        permit: PermitBatchTransferFrom { permitted, nonce, deadline },
        transferDetails: vec![to],
        owner: shop.alice.address,
        witness: order.eip712_hash_struct(),
        witnessTypeString: ORDER_TYPE.into(),
        signature: sign(&shop.alice, &what),
    };
    shop.bob(&batch).unwrap();
    assert_eq!(shop.held(WRAPPED, spender), 200);
}

#[test]
fn an_allowance_is_signed_for_counted_down_and_runs_out() {
    let mut shop = Shop::open();
    let ask = shop.allow(1_000, 0, FAR);
    let told: Permit = event(&shop.bob(&ask).unwrap());
    assert_eq!((told.owner, told.token, told.spender), (ask.owner, WRAPPED, shop.bob.address));
    assert_eq!(shop.allowance(ask.owner, WRAPPED), (1_000, FAR, 1));
    assert_eq!(shop.bob(&ask).err().unwrap(), refusal(InvalidNonce {}));
    let take = shop.take(700);
    shop.bob(&take).unwrap();
    let left = InsufficientAllowance { amount: U256::from(300) };
    assert_eq!(shop.bob(&take).err().unwrap(), refusal(left));
    let late = shop.allow(1_000, 1, 1);
    let expired = SignatureExpired { signatureDeadline: U256::from(1) };
    assert_eq!(shop.bob(&late).err().unwrap(), refusal(expired));
    // Without an expiration it is good in this block only.
    let (token, spender) = (WRAPPED, shop.bob.address);
    let now = approveCall { token, spender, amount: U160::MAX, expiration: Default::default() };
    let told: Approval = event(&shop.alice(&now).unwrap());
    assert_eq!((told.amount, told.expiration), (U160::MAX, now.expiration));
    let at = shop.world.header.timestamp;
    assert_eq!(shop.allowance(shop.alice.address, WRAPPED), (u64::MAX, at, 1));
    shop.world.block(&[]);
    shop.world.block(&[]);
    let expired = AllowanceExpired { deadline: U256::from(at) };
    assert_eq!(shop.bob(&take).err().unwrap(), refusal(expired));
    // The most there can be is never counted down.
    let ever = approveCall { expiration: details(token, 0, 0).expiration, ..now };
    shop.alice(&ever).unwrap();
    shop.bob(&take).unwrap();
    let ask = allowanceCall { owner: shop.alice.address, token, spender };
    assert_eq!(shop.world.read(PERMIT2, &ask).unwrap().amount, U160::MAX);
    assert_eq!(shop.held(WRAPPED, spender), 1_400);
}

#[test]
fn many_allowances_are_given_used_and_taken_back_at_once() {
    let mut shop = Shop::open();
    let (alice, bob) = (shop.alice.address, shop.bob.address);
    let batch = PermitBatch {
        details: vec![details(WRAPPED, 100, 0), details(OTHER, 200, 0)],
        spender: bob,
        sigDeadline: U256::from(FAR),
    };
    let signature = sign(&shop.alice, &batch);
    let good = permit_1Call { owner: alice, permitBatch: batch, signature };
    let mut other = good.clone();
    other.permitBatch.details[1].amount = U160::from(201);
    assert_eq!(shop.bob(&other).err().unwrap(), refusal(InvalidSigner {}));
    shop.bob(&good).unwrap();
    let take =
        |token, amount: u64| Move { from: alice, to: bob, amount: U160::from(amount), token };
    let both = vec![take(WRAPPED, 60), take(OTHER, 60)];
    shop.bob(&transferFrom_1Call { transferDetails: both }).unwrap();
    assert_eq!((shop.held(WRAPPED, bob), shop.held(OTHER, bob)), (60, 60));
    let pair = |token| Pair { token, spender: bob };
    let done = shop.alice(&lockdownCall { approvals: vec![pair(WRAPPED), pair(OTHER)] }).unwrap();
    let told: Lockdown = event(&done);
    assert_eq!((told.owner, told.token, told.spender), (alice, WRAPPED, bob));
    assert_eq!(shop.allowance(alice, OTHER), (0, FAR, 1));
    let left = InsufficientAllowance { amount: U256::ZERO };
    let one = vec![take(WRAPPED, 1)];
    assert_eq!(
        shop.bob(&transferFrom_1Call { transferDetails: one }).err().unwrap(),
        refusal(left)
    );
}

#[test]
fn an_owner_can_skip_nonces_of_allowances() {
    let mut shop = Shop::open();
    let (token, spender) = (WRAPPED, shop.bob.address);
    let skip = |to: u64| {
        let nonce = alloy_primitives::aliases::U48::from(to);
        invalidateNoncesCall { token, spender, newNonce: nonce }
    };
    assert_eq!(shop.alice(&skip(0)).err().unwrap(), refusal(InvalidNonce {}));
    assert_eq!(shop.alice(&skip(65_536)).err().unwrap(), refusal(ExcessiveInvalidation {}));
    let told: NonceInvalidation = event(&shop.alice(&skip(65_535)).unwrap());
    assert_eq!((told.newNonce.to::<u64>(), told.oldNonce.to::<u64>()), (65_535, 0));
    let old = shop.allow(1_000, 0, FAR);
    assert_eq!(shop.bob(&old).err().unwrap(), refusal(InvalidNonce {}));
    let next = shop.allow(1_000, 65_535, FAR);
    shop.bob(&next).unwrap();
}

#[test]
fn a_contract_signs_as_it_likes() {
    let mut shop = Shop::open();
    let single = PermitSingle {
        details: details(WRAPPED, 5, 0),
        spender: shop.bob.address,
        sigDeadline: U256::from(FAR),
    };
    let hash = single.eip712_signing_hash(&domain());
    let mut ask = permit_0Call {
        owner: WALLET,
        permitSingle: single.clone(),
        signature: sign(&shop.alice, &single),
    };
    assert_eq!(shop.bob(&ask).err().unwrap(), refusal(InvalidContractSignature {}));
    ask.signature = hash.to_vec().into();
    shop.bob(&ask).unwrap();
    assert_eq!(shop.allowance(WALLET, WRAPPED), (5, FAR, 1));
}

#[test]
fn a_token_that_refuses_is_heard_and_an_old_one_may_be_silent() {
    let mut shop = Shop::open();
    let (alice, bob) = (shop.alice.address, shop.bob.address);
    let expiration = details(WRAPPED, 0, 0).expiration;
    for (token, moves) in [(SILENT, true), (FALSE, false), (NOBODY, false)] {
        let allow = approveCall { token, spender: bob, amount: U160::from(10), expiration };
        shop.alice(&allow).unwrap();
        let take = transferFrom_0Call { from: alice, to: bob, amount: U160::from(4), token };
        match shop.bob(&take) {
            Ok(_) => assert!(moves, "{token}"),
            Err(why) => {
                assert!(!moves && why.contains("TRANSFER_FROM_FAILED"), "{token}: {why}");
                assert_eq!(shop.allowance(alice, token).0, 10);
            }
        }
    }
}
