// SPDX-License-Identifier: Apache-2.0 OR MIT
pragma solidity ^0.8.24;

interface IERC1271 {
    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4);
}

/// Allowances and transfers of any ERC-20 by signature: the interface that wallets and applications
/// expect at 0x000000000022D473030F116dDEE9F6B43aC78BA3 on every chain. An owner approves this
/// contract once at the token; from then on a signature under EIP-712 does what a transaction did.
///
/// Nothing is kept from a constructor, so that it can be there from block 0.
contract Permit2 {
    struct PermitDetails { address token; uint160 amount; uint48 expiration; uint48 nonce; }
    struct PermitSingle { PermitDetails details; address spender; uint256 sigDeadline; }
    struct PermitBatch { PermitDetails[] details; address spender; uint256 sigDeadline; }
    struct AllowanceTransferDetails { address from; address to; uint160 amount; address token; }
    struct TokenSpenderPair { address token; address spender; }
    struct TokenPermissions { address token; uint256 amount; }
    struct PermitTransferFrom { TokenPermissions permitted; uint256 nonce; uint256 deadline; }
    struct PermitBatchTransferFrom { TokenPermissions[] permitted; uint256 nonce; uint256 deadline; }
    struct SignatureTransferDetails { address to; uint256 requestedAmount; }
    struct PackedAllowance { uint160 amount; uint48 expiration; uint48 nonce; }

    /// Used nonces of signed transfers, by owner: 256 to a word.
    mapping(address => mapping(uint256 => uint256)) public nonceBitmap;
    /// What a spender may move: owner, token, spender.
    mapping(address => mapping(address => mapping(address => PackedAllowance))) public allowance;

    event Approval(address indexed owner, address indexed token, address indexed spender, uint160 amount, uint48 expiration);
    event Permit(address indexed owner, address indexed token, address indexed spender, uint160 amount, uint48 expiration, uint48 nonce);
    event Lockdown(address indexed owner, address token, address spender);
    event NonceInvalidation(address indexed owner, address indexed token, address indexed spender, uint48 newNonce, uint48 oldNonce);
    event UnorderedNonceInvalidation(address indexed owner, uint256 word, uint256 mask);

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

    bytes32 private constant DOMAIN = keccak256("EIP712Domain(string name,uint256 chainId,address verifyingContract)");
    bytes32 private constant NAME = keccak256("Permit2");
    bytes32 private constant DETAILS = keccak256("PermitDetails(address token,uint160 amount,uint48 expiration,uint48 nonce)");
    bytes32 private constant SINGLE = keccak256(
        "PermitSingle(PermitDetails details,address spender,uint256 sigDeadline)"
        "PermitDetails(address token,uint160 amount,uint48 expiration,uint48 nonce)"
    );
    bytes32 private constant BATCH = keccak256(
        "PermitBatch(PermitDetails[] details,address spender,uint256 sigDeadline)"
        "PermitDetails(address token,uint160 amount,uint48 expiration,uint48 nonce)"
    );
    bytes32 private constant PERMISSIONS = keccak256("TokenPermissions(address token,uint256 amount)");
    bytes32 private constant TRANSFER = keccak256(
        "PermitTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline)"
        "TokenPermissions(address token,uint256 amount)"
    );
    bytes32 private constant TRANSFERS = keccak256(
        "PermitBatchTransferFrom(TokenPermissions[] permitted,address spender,uint256 nonce,uint256 deadline)"
        "TokenPermissions(address token,uint256 amount)"
    );
    /// The types with a witness begin so; the caller says how they go on.
    string private constant WITNESS =
        "PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,";
    string private constant WITNESSES =
        "PermitBatchWitnessTransferFrom(TokenPermissions[] permitted,address spender,uint256 nonce,uint256 deadline,";

    function DOMAIN_SEPARATOR() public view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN, NAME, block.chainid, address(this)));
    }

    // Allowances

    function approve(address token, address spender, uint160 amount, uint48 expiration) external {
        PackedAllowance storage entry = allowance[msg.sender][token][spender];
        entry.amount = amount;
        entry.expiration = _until(expiration);
        emit Approval(msg.sender, token, spender, amount, expiration);
    }

    function permit(address owner, PermitSingle calldata permitSingle, bytes calldata signature) external {
        _inTime(permitSingle.sigDeadline);
        bytes32 details = _hash(permitSingle.details);
        _signedBy(owner, keccak256(abi.encode(SINGLE, details, permitSingle.spender, permitSingle.sigDeadline)), signature);
        _allow(owner, permitSingle.spender, permitSingle.details);
    }

    function permit(address owner, PermitBatch calldata permitBatch, bytes calldata signature) external {
        _inTime(permitBatch.sigDeadline);
        uint256 count = permitBatch.details.length;
        bytes32[] memory hashes = new bytes32[](count);
        for (uint256 i = 0; i < count; i++) hashes[i] = _hash(permitBatch.details[i]);
        bytes32 details = keccak256(abi.encodePacked(hashes));
        _signedBy(owner, keccak256(abi.encode(BATCH, details, permitBatch.spender, permitBatch.sigDeadline)), signature);
        for (uint256 i = 0; i < count; i++) _allow(owner, permitBatch.spender, permitBatch.details[i]);
    }

    function transferFrom(address from, address to, uint160 amount, address token) external {
        _spend(from, to, amount, token);
    }

    function transferFrom(AllowanceTransferDetails[] calldata transferDetails) external {
        for (uint256 i = 0; i < transferDetails.length; i++) {
            AllowanceTransferDetails calldata one = transferDetails[i];
            _spend(one.from, one.to, one.amount, one.token);
        }
    }

    function lockdown(TokenSpenderPair[] calldata approvals) external {
        for (uint256 i = 0; i < approvals.length; i++) {
            (address token, address spender) = (approvals[i].token, approvals[i].spender);
            allowance[msg.sender][token][spender].amount = 0;
            emit Lockdown(msg.sender, token, spender);
        }
    }

    function invalidateNonces(address token, address spender, uint48 newNonce) external {
        PackedAllowance storage entry = allowance[msg.sender][token][spender];
        uint48 oldNonce = entry.nonce;
        if (newNonce <= oldNonce) revert InvalidNonce();
        if (newNonce - oldNonce > type(uint16).max) revert ExcessiveInvalidation();
        entry.nonce = newNonce;
        emit NonceInvalidation(msg.sender, token, spender, newNonce, oldNonce);
    }

    // Transfers that are signed, each once

    function permitTransferFrom(
        PermitTransferFrom memory asked,
        SignatureTransferDetails calldata transferDetails,
        address owner,
        bytes calldata signature
    ) external {
        bytes32 permitted = _hash(asked.permitted);
        bytes32 hash = keccak256(abi.encode(TRANSFER, permitted, msg.sender, asked.nonce, asked.deadline));
        _transfer(asked, transferDetails, owner, hash, signature);
    }

    function permitWitnessTransferFrom(
        PermitTransferFrom memory asked,
        SignatureTransferDetails calldata transferDetails,
        address owner,
        bytes32 witness,
        string calldata witnessTypeString,
        bytes calldata signature
    ) external {
        bytes32 kind = keccak256(abi.encodePacked(WITNESS, witnessTypeString));
        bytes32 permitted = _hash(asked.permitted);
        bytes32 hash = keccak256(abi.encode(kind, permitted, msg.sender, asked.nonce, asked.deadline, witness));
        _transfer(asked, transferDetails, owner, hash, signature);
    }

    function permitTransferFrom(
        PermitBatchTransferFrom memory asked,
        SignatureTransferDetails[] calldata transferDetails,
        address owner,
        bytes calldata signature
    ) external {
        bytes32 permitted = _hash(asked.permitted);
        bytes32 hash = keccak256(abi.encode(TRANSFERS, permitted, msg.sender, asked.nonce, asked.deadline));
        _transfers(asked, transferDetails, owner, hash, signature);
    }

    function permitWitnessTransferFrom(
        PermitBatchTransferFrom memory asked,
        SignatureTransferDetails[] calldata transferDetails,
        address owner,
        bytes32 witness,
        string calldata witnessTypeString,
        bytes calldata signature
    ) external {
        bytes32 kind = keccak256(abi.encodePacked(WITNESSES, witnessTypeString));
        bytes32 permitted = _hash(asked.permitted);
        bytes32 hash = keccak256(abi.encode(kind, permitted, msg.sender, asked.nonce, asked.deadline, witness));
        _transfers(asked, transferDetails, owner, hash, signature);
    }

    function invalidateUnorderedNonces(uint256 wordPos, uint256 mask) external {
        nonceBitmap[msg.sender][wordPos] |= mask;
        emit UnorderedNonceInvalidation(msg.sender, wordPos, mask);
    }

    // What they share

    function _transfer(
        PermitTransferFrom memory asked,
        SignatureTransferDetails calldata details,
        address owner,
        bytes32 hash,
        bytes calldata signature
    ) private {
        _inTime(asked.deadline);
        _within(details.requestedAmount, asked.permitted.amount);
        _useNonce(owner, asked.nonce);
        _signedBy(owner, hash, signature);
        _move(asked.permitted.token, owner, details.to, details.requestedAmount);
    }

    function _transfers(
        PermitBatchTransferFrom memory asked,
        SignatureTransferDetails[] calldata details,
        address owner,
        bytes32 hash,
        bytes calldata signature
    ) private {
        _inTime(asked.deadline);
        if (asked.permitted.length != details.length) revert LengthMismatch();
        _useNonce(owner, asked.nonce);
        _signedBy(owner, hash, signature);
        for (uint256 i = 0; i < details.length; i++) {
            uint256 amount = details[i].requestedAmount;
            _within(amount, asked.permitted[i].amount);
            // The owner lets the spender take several tokens; it need not take of each.
            if (amount != 0) _move(asked.permitted[i].token, owner, details[i].to, amount);
        }
    }

    function _allow(address owner, address spender, PermitDetails calldata details) private {
        PackedAllowance storage entry = allowance[owner][details.token][spender];
        if (entry.nonce != details.nonce) revert InvalidNonce();
        entry.amount = details.amount;
        entry.expiration = _until(details.expiration);
        entry.nonce = details.nonce + 1;
        emit Permit(owner, details.token, spender, details.amount, details.expiration, details.nonce);
    }

    function _spend(address from, address to, uint160 amount, address token) private {
        PackedAllowance storage entry = allowance[from][token][msg.sender];
        if (block.timestamp > entry.expiration) revert AllowanceExpired(entry.expiration);
        uint160 left = entry.amount;
        // The most there can be stands for no limit, and is not counted down.
        if (left != type(uint160).max) {
            if (amount > left) revert InsufficientAllowance(left);
            entry.amount = left - amount;
        }
        _move(token, from, to, amount);
    }

    /// An expiration of 0 is this block.
    function _until(uint48 expiration) private view returns (uint48) {
        return expiration == 0 ? uint48(block.timestamp) : expiration;
    }

    function _inTime(uint256 deadline) private view {
        if (block.timestamp > deadline) revert SignatureExpired(deadline);
    }

    function _within(uint256 amount, uint256 most) private pure {
        if (amount > most) revert InvalidAmount(most);
    }

    function _useNonce(address owner, uint256 nonce) private {
        uint256 bit = 1 << (nonce & 0xff);
        uint256 used = nonceBitmap[owner][nonce >> 8];
        if (used & bit != 0) revert InvalidNonce();
        nonceBitmap[owner][nonce >> 8] = used | bit;
    }

    function _hash(PermitDetails calldata details) private pure returns (bytes32) {
        return keccak256(abi.encode(DETAILS, details));
    }

    function _hash(TokenPermissions memory permitted) private pure returns (bytes32) {
        return keccak256(abi.encode(PERMISSIONS, permitted));
    }

    function _hash(TokenPermissions[] memory permitted) private pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](permitted.length);
        for (uint256 i = 0; i < permitted.length; i++) hashes[i] = _hash(permitted[i]);
        return keccak256(abi.encodePacked(hashes));
    }

    /// Whether `owner` signed: an account with its key (65 bytes, or 64 as in EIP-2098), a contract as it
    /// likes (EIP-1271).
    function _signedBy(address owner, bytes32 structHash, bytes calldata signature) private view {
        bytes32 hash = keccak256(abi.encodePacked(hex"1901", DOMAIN_SEPARATOR(), structHash));
        if (owner.code.length != 0) {
            bytes4 answer = IERC1271(owner).isValidSignature(hash, signature);
            if (answer != IERC1271.isValidSignature.selector) revert InvalidContractSignature();
            return;
        }
        uint8 v;
        if (signature.length != 65 && signature.length != 64) revert InvalidSignatureLength();
        (bytes32 r, bytes32 s) = abi.decode(signature, (bytes32, bytes32));
        if (signature.length == 65) {
            v = uint8(signature[64]);
        } else {
            v = uint8(uint256(s) >> 255) + 27;
            s = bytes32(uint256(s) & (type(uint256).max >> 1));
        }
        address signer = ecrecover(hash, v, r, s);
        if (signer == address(0)) revert InvalidSignature();
        if (signer != owner) revert InvalidSigner();
    }

    /// Tokens that answer nothing are believed, as many old ones do; an account without code is none.
    function _move(address token, address from, address to, uint256 amount) private {
        (bool done, bytes memory answer) =
            token.call(abi.encodeWithSignature("transferFrom(address,address,uint256)", from, to, amount));
        if (done) done = answer.length == 0 ? token.code.length != 0 : answer.length >= 32 && uint256(bytes32(answer)) == 1;
        require(done, "TRANSFER_FROM_FAILED");
    }
}
