//! The registry: models, datasets and programs, their versions and what they came from.
//!
//! An entry is a name under the address that registered it first; its id follows from both. A
//! version is a manifest by its digest, and names the manifests that it was made from, which must
//! stand here already: so the graph has no cycles and lineage never ends at a stranger. Nothing is
//! ever removed; a version that should not be used any more is revoked, and says why.

use super::abi::IRegistry;
use super::abi::IRegistry::IRegistryCalls as Calls;
use super::slots::Slot;
use super::{Call, Part, Stop, decoded, from_address, refuse, require, sized, small, to_address};
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::{SolCall, SolInterface, SolValue};

const NAME_BYTES_MAX: usize = 64;
const LICENCE_BYTES_MAX: usize = 64;
const REASON_BYTES_MAX: usize = 256;
const PARENTS_MAX: usize = 16;

/// Ids in the order of their registration.
const IDS: Slot = Slot::number(0);
/// Entries by id.
const ENTRIES: Slot = Slot::number(1);
/// Releases by manifest.
const RELEASES: Slot = Slot::number(2);

/// Fields of an entry.
mod entry {
    pub const OWNER: u64 = 0;
    pub const KIND: u64 = 1;
    pub const CREATED: u64 = 2;
    pub const NAME: u64 = 3;
    pub const RELEASES: u64 = 4;
}

/// Fields of a release.
mod release {
    pub const ID: u64 = 0;
    pub const VERSION: u64 = 1;
    pub const RELEASED: u64 = 2;
    pub const REVOKED: u64 = 3;
    pub const LICENCE: u64 = 4;
    pub const PARENTS: u64 = 5;
}

/// The call `input` of the registry.
pub fn run(call: &mut Call<'_>, input: &[u8]) -> Part<Vec<u8>> {
    match decoded(Calls::abi_decode_validate(input))? {
        Calls::register(ask) => call.register(ask),
        Calls::release(ask) => call.release(ask),
        Calls::revoke(ask) => call.revoke(ask),
        Calls::transferOwnership(ask) => call.transfer_ownership(ask),
        Calls::idOf(ask) => Ok(id_of(ask.kind, ask.owner, &ask.name).abi_encode()),
        Calls::entry(ask) => call.entry(ask.id),
        Calls::count(_) => Ok(small(call.load(IDS)?).abi_encode()),
        Calls::byIndex(ask) => Ok(B256::from(call.load(IDS.at(ask.index))?).abi_encode()),
        Calls::releaseOf(ask) => call.release_of(ask.manifest),
        Calls::releaseAt(ask) => {
            let manifests = ENTRIES.of(ask.id).field(entry::RELEASES);
            Ok(B256::from(call.load(manifests.at(ask.index))?).abi_encode())
        }
    }
}

/// The id of the entry that `owner` registers as `name`.
pub fn id_of(kind: IRegistry::Kind, owner: Address, name: &str) -> B256 {
    keccak256((kind, owner, name.to_owned()).abi_encode())
}

fn fit_for_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_./".contains(&byte)
}

impl Call<'_> {
    fn register(&mut self, ask: IRegistry::registerCall) -> Part<Vec<u8>> {
        self.writes_unpaid()?;
        sized("name", &ask.name, 1, NAME_BYTES_MAX)?;
        require(ask.name.bytes().all(fit_for_name), || {
            "name has other characters than a-z, 0-9, '-', '_', '.' and '/'".into()
        })?;
        self.gas.hash()?;
        let id = id_of(ask.kind, self.caller, &ask.name);
        let slot = ENTRIES.of(id);
        require(self.load(slot.field(entry::CREATED))?.is_zero(), || {
            format!("{} is registered already", ask.name)
        })?;
        self.store(slot.field(entry::OWNER), from_address(self.caller))?;
        self.store(slot.field(entry::KIND), U256::from(ask.kind as u8))?;
        self.store(slot.field(entry::CREATED), U256::from(self.now.time))?;
        self.store_bytes(slot.field(entry::NAME), ask.name.as_bytes())?;
        self.push(IDS, id.into())?;
        let (kind, owner) = (ask.kind, self.caller);
        self.emit(&IRegistry::Registered { id, kind, owner, name: ask.name })?;
        Ok(IRegistry::registerCall::abi_encode_returns(&id))
    }

    /// Refuses a caller who does not own the entry `id`.
    fn owns(&mut self, id: B256) -> Part<()> {
        let owner = self.load(ENTRIES.of(id).field(entry::OWNER))?;
        require(!owner.is_zero(), || format!("{id} is not registered"))?;
        require(to_address(owner) == self.caller, || {
            format!("{id} belongs to {}", to_address(owner))
        })
    }

    fn release(&mut self, ask: IRegistry::releaseCall) -> Part<Vec<u8>> {
        self.writes_unpaid()?;
        self.owns(ask.id)?;
        sized("licence", &ask.licence, 1, LICENCE_BYTES_MAX)?;
        require(!ask.manifest.is_zero(), || "manifest is zero".into())?;
        require(ask.parents.len() <= PARENTS_MAX, || {
            format!("{} parents, and {PARENTS_MAX} is the most", ask.parents.len())
        })?;
        let slot = RELEASES.of(ask.manifest);
        require(self.load(slot.field(release::ID))?.is_zero(), || {
            format!("manifest {} is released already", ask.manifest)
        })?;
        let manifests = ENTRIES.of(ask.id).field(entry::RELEASES);
        let version = u64::from(ask.major) << 32 | u64::from(ask.minor);
        if let Some(last) = small(self.load(manifests)?).checked_sub(1) {
            let last = B256::from(self.load(manifests.at(last))?);
            let before = small(self.load(RELEASES.of(last).field(release::VERSION))?);
            require(version > before, || {
                let (major, minor) = (before >> 32, before & u64::from(u32::MAX));
                format!("version {}.{} is not above {major}.{minor}", ask.major, ask.minor)
            })?;
        }
        for parent in &ask.parents {
            let known = self.load(RELEASES.of(*parent).field(release::ID))?;
            require(!known.is_zero(), || format!("parent {parent} is not released"))?;
        }
        self.store(slot.field(release::ID), ask.id.into())?;
        self.store(slot.field(release::VERSION), U256::from(version))?;
        self.store(slot.field(release::RELEASED), U256::from(self.now.time))?;
        self.store_bytes(slot.field(release::LICENCE), ask.licence.as_bytes())?;
        self.store_list(slot.field(release::PARENTS), &ask.parents)?;
        self.push(manifests, ask.manifest.into())?;
        let IRegistry::releaseCall { id, major, minor, manifest, licence, parents } = ask;
        self.emit(&IRegistry::Released { id, manifest, major, minor, licence, parents })?;
        Ok(Vec::new())
    }

    fn revoke(&mut self, ask: IRegistry::revokeCall) -> Part<Vec<u8>> {
        self.writes_unpaid()?;
        sized("reason", &ask.reason, 0, REASON_BYTES_MAX)?;
        let slot = RELEASES.of(ask.manifest);
        let id = B256::from(self.load(slot.field(release::ID))?);
        require(!id.is_zero(), || format!("manifest {} is not released", ask.manifest))?;
        self.owns(id)?;
        require(self.load(slot.field(release::REVOKED))?.is_zero(), || {
            format!("manifest {} is revoked already", ask.manifest)
        })?;
        self.store(slot.field(release::REVOKED), U256::from(1))?;
        self.emit(&IRegistry::Revoked { id, manifest: ask.manifest, reason: ask.reason })?;
        Ok(Vec::new())
    }

    fn transfer_ownership(&mut self, ask: IRegistry::transferOwnershipCall) -> Part<Vec<u8>> {
        self.writes_unpaid()?;
        self.owns(ask.id)?;
        require(!ask.to.is_zero(), || "the new owner is zero".into())?;
        self.store(ENTRIES.of(ask.id).field(entry::OWNER), from_address(ask.to))?;
        let (id, from, to) = (ask.id, self.caller, ask.to);
        self.emit(&IRegistry::OwnershipTransferred { id, from, to })?;
        Ok(Vec::new())
    }

    fn entry(&mut self, id: B256) -> Part<Vec<u8>> {
        let slot = ENTRIES.of(id);
        let created = small(self.load(slot.field(entry::CREATED))?);
        require(created > 0, || format!("{id} is not registered"))?;
        let kind = self.load(slot.field(entry::KIND))?.saturating_to::<u8>();
        let kind = IRegistry::Kind::try_from(kind)
            .map_err(|_| Stop::Fatal(format!("entry {id} is of no kind")))?;
        let owner = to_address(self.load(slot.field(entry::OWNER))?);
        let name = self.load_text(slot.field(entry::NAME))?;
        let releases = small(self.load(slot.field(entry::RELEASES))?);
        Ok(IRegistry::Entry { kind, owner, name, releases, created }.abi_encode())
    }

    fn release_of(&mut self, manifest: B256) -> Part<Vec<u8>> {
        let slot = RELEASES.of(manifest);
        let id = B256::from(self.load(slot.field(release::ID))?);
        if id.is_zero() {
            return refuse(format!("manifest {manifest} is not released"));
        }
        let version = small(self.load(slot.field(release::VERSION))?);
        let [.., a, b, c, d, e, f, g, h] = U256::from(version).to_be_bytes::<32>();
        let answer = IRegistry::Release {
            id,
            major: u32::from_be_bytes([a, b, c, d]),
            minor: u32::from_be_bytes([e, f, g, h]),
            manifest,
            licence: self.load_text(slot.field(release::LICENCE))?,
            parents: self.load_list(slot.field(release::PARENTS))?,
            revoked: !self.load(slot.field(release::REVOKED))?.is_zero(),
            released: small(self.load(slot.field(release::RELEASED))?),
        };
        Ok(answer.abi_encode())
    }
}
