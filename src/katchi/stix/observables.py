"""The eighteen STIX Cyber-observable Objects (STIX 2.1 §6) as typed values."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from katchi.stix import formats
from katchi.stix import vocabularies as words
from katchi.stix.between import Members, at_least_one, exactly_one, excludes, in_order, needs
from katchi.stix.core import Common, Extensions
from katchi.stix.extensions import FileExtensions, NetworkExtensions, ProcessExtensions, UserExtensions
from katchi.stix.findings import Findings
from katchi.stix.identifiers import is_id, observable_reference
from katchi.stix.properties import Binary, Charset, Count, Dictionary, Hashes, Hex, Integer, Port, Time, Uri
from katchi.stix.rule import Between, one_of, suggested
from katchi.stix.wording import excerpt, join

ArtifactRef = Annotated[str, observable_reference("artifact")]
AddressRef = Annotated[str, observable_reference("ipv4-addr", "ipv6-addr", "mac-addr", "domain-name")]
EmailRef = Annotated[str, observable_reference("email-addr")]
FileRef = Annotated[str, observable_reference("file")]
MacRef = Annotated[str, observable_reference("mac-addr")]
AsRef = Annotated[str, observable_reference("autonomous-system")]
TrafficRef = Annotated[str, observable_reference("network-traffic")]
ProcessRef = Annotated[str, observable_reference("process")]
UserRef = Annotated[str, observable_reference("user-account")]
ObservableRef = Annotated[str, observable_reference()]


class Observable(Common, frozen=True, kw_only=True):
    """What all observables have in common (STIX 2.1 §3.2)."""

    defanged: bool = False


class Plain(Observable, frozen=True, kw_only=True):
    """An observable for which the standard itself defines no extensions."""

    extensions: Extensions | None = None


def random_unless(*contributing: str) -> Between:
    """STIX 2.1 §2.9: without any property that contributes to the id, the UUID is random (version 4)."""
    wanted = frozenset(contributing)

    def holds(members: Members) -> bool:
        if not wanted.isdisjoint(members):
            return True
        object_id = members.get("id")
        return not isinstance(object_id, str) or object_id[-22:-21] == "4" or not is_id(object_id)

    def explain(members: Members, path: str, findings: Findings) -> None:
        findings.must(
            join(path, "id"),
            "uuid-version",
            f"Nothing in this object contributes to its id, so the UUID must be random: {excerpt(members['id'])}.",
            "give the object a random UUID (version 4)",
        )

    return Between(holds, explain)


class Artifact(Plain, frozen=True, kw_only=True):
    """A stretch of bytes, or where it can be had (STIX 2.1 §6.1)."""

    between: ClassVar[tuple[Between, ...]] = (
        exactly_one("payload_bin", "url"),
        needs("url", "hashes"),
        needs("decryption_key", "encryption_algorithm"),
        random_unless("hashes", "payload_bin"),
    )

    mime_type: Annotated[str, formats.MEDIA_TYPE] | None = None
    payload_bin: Binary | None = None
    url: Uri | None = None
    hashes: Hashes | None = None
    encryption_algorithm: Annotated[str, one_of(words.ENCRYPTION_ALGORITHM)] | None = None
    decryption_key: str | None = None


class AutonomousSystem(Plain, frozen=True, kw_only=True):
    """An autonomous system of the Internet (STIX 2.1 §6.2)."""

    number: Integer
    name: str | None = None
    rir: str | None = None


class Directory(Plain, frozen=True, kw_only=True):
    """A directory of a file system (STIX 2.1 §6.3)."""

    path: str
    path_enc: Charset | None = None
    ctime: Time | None = None
    mtime: Time | None = None
    atime: Time | None = None
    contains_refs: tuple[Annotated[str, observable_reference("file", "directory")], ...] = ()


class DomainName(Plain, frozen=True, kw_only=True):
    """A domain name (STIX 2.1 §6.4)."""

    value: Annotated[str, formats.DOMAIN]
    resolves_to_refs: tuple[Annotated[str, observable_reference("ipv4-addr", "ipv6-addr", "domain-name")], ...] = ()


class EmailAddress(Plain, frozen=True, kw_only=True):
    """An e-mail address (STIX 2.1 §6.5)."""

    value: Annotated[str, formats.EMAIL]
    display_name: str | None = None
    belongs_to_ref: UserRef | None = None


class MimePart(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a multi-part e-mail (STIX 2.1 §6.6.2)."""

    between: ClassVar[tuple[Between, ...]] = (exactly_one("body", "body_raw_ref"),)

    body: str | None = None
    body_raw_ref: Annotated[str, observable_reference("artifact", "file")] | None = None
    content_type: str | None = None
    content_disposition: str | None = None


class EmailMessage(Plain, frozen=True, kw_only=True):
    """An e-mail (STIX 2.1 §6.6)."""

    between: ClassVar[tuple[Between, ...]] = (
        excludes("is_multipart", False, "body_multipart"),
        excludes("is_multipart", True, "body"),
        random_unless("from_ref", "subject", "body"),
    )

    is_multipart: bool
    date: Time | None = None
    content_type: str | None = None
    from_ref: EmailRef | None = None
    sender_ref: EmailRef | None = None
    to_refs: tuple[EmailRef, ...] = ()
    cc_refs: tuple[EmailRef, ...] = ()
    bcc_refs: tuple[EmailRef, ...] = ()
    message_id: str | None = None
    subject: str | None = None
    received_lines: tuple[str, ...] = ()
    additional_header_fields: Dictionary | None = None
    body: str | None = None
    body_multipart: tuple[MimePart, ...] = ()
    raw_email_ref: ArtifactRef | None = None


class File(Observable, frozen=True, kw_only=True):
    """A file, its content, its name or both (STIX 2.1 §6.7)."""

    between: ClassVar[tuple[Between, ...]] = (at_least_one("hashes", "name"),)

    hashes: Hashes | None = None
    size: Count | None = None
    name: str | None = None
    name_enc: Charset | None = None
    magic_number_hex: Hex | None = None
    mime_type: Annotated[str, formats.SUGGESTED_MEDIA_TYPE] | None = None
    ctime: Time | None = None
    mtime: Time | None = None
    atime: Time | None = None
    parent_directory_ref: Annotated[str, observable_reference("directory")] | None = None
    contains_refs: tuple[ObservableRef, ...] = ()
    content_ref: ArtifactRef | None = None
    extensions: FileExtensions | None = None


class Ipv4Address(Plain, frozen=True, kw_only=True):
    """One or more IPv4 addresses (STIX 2.1 §6.8)."""

    value: Annotated[str, formats.IPV4]
    resolves_to_refs: tuple[MacRef, ...] = ()
    belongs_to_refs: tuple[AsRef, ...] = ()


class Ipv6Address(Plain, frozen=True, kw_only=True):
    """One or more IPv6 addresses (STIX 2.1 §6.9)."""

    value: Annotated[str, formats.IPV6]
    resolves_to_refs: tuple[MacRef, ...] = ()
    belongs_to_refs: tuple[AsRef, ...] = ()


class MacAddress(Plain, frozen=True, kw_only=True):
    """A MAC address (STIX 2.1 §6.10)."""

    value: Annotated[str, formats.MAC]


class Mutex(Plain, frozen=True, kw_only=True):
    """A mutual exclusion object of an operating system (STIX 2.1 §6.11)."""

    name: str


def _has_both_ports(members: Members) -> bool:
    return "src_port" in members and "dst_port" in members


def _explain_ports(_: Members, path: str, findings: Findings) -> None:
    findings.should(join(path, "src_port"), "ports", "Network traffic should have both src_port and dst_port.")


class NetworkTraffic(Observable, frozen=True, kw_only=True):
    """Traffic from a source to a destination (STIX 2.1 §6.12)."""

    between: ClassVar[tuple[Between, ...]] = (
        at_least_one("src_ref", "dst_ref"),
        excludes("is_active", True, "end"),
        in_order("start", "end"),
        Between(_has_both_ports, _explain_ports),
    )

    protocols: tuple[Annotated[str, formats.PROTOCOL], ...]
    start: Time | None = None
    end: Time | None = None
    is_active: bool | None = None
    src_ref: AddressRef | None = None
    dst_ref: AddressRef | None = None
    src_port: Port | None = None
    dst_port: Port | None = None
    src_byte_count: Count | None = None
    dst_byte_count: Count | None = None
    src_packets: Count | None = None
    dst_packets: Count | None = None
    ipfix: Dictionary | None = None
    src_payload_ref: ArtifactRef | None = None
    dst_payload_ref: ArtifactRef | None = None
    encapsulates_refs: tuple[TrafficRef, ...] = ()
    encapsulated_by_ref: TrafficRef | None = None
    extensions: NetworkExtensions | None = None


class Process(Observable, frozen=True, kw_only=True):
    """A running program (STIX 2.1 §6.13); its id is always random."""

    between: ClassVar[tuple[Between, ...]] = (
        at_least_one(
            *("extensions", "is_hidden", "pid", "created_time", "cwd", "command_line"),
            *("environment_variables", "opened_connection_refs", "creator_user_ref", "image_ref"),
            *("parent_ref", "child_refs"),
        ),
        random_unless(),
    )

    is_hidden: bool | None = None
    pid: Integer | None = None
    created_time: Time | None = None
    cwd: str | None = None
    command_line: str | None = None
    environment_variables: dict[str, str] | None = None
    opened_connection_refs: tuple[TrafficRef, ...] = ()
    creator_user_ref: UserRef | None = None
    image_ref: FileRef | None = None
    parent_ref: ProcessRef | None = None
    child_refs: tuple[ProcessRef, ...] = ()
    extensions: ProcessExtensions | None = None


class Software(Plain, frozen=True, kw_only=True):
    """A software product (STIX 2.1 §6.14)."""

    name: str
    cpe: Annotated[str, formats.CPE] | None = None
    swid: str | None = None
    languages: tuple[Annotated[str, formats.LANGUAGE], ...] = ()
    vendor: str | None = None
    version: str | None = None


class Url(Plain, frozen=True, kw_only=True):
    """A URL (STIX 2.1 §6.15)."""

    value: Uri


class UserAccount(Observable, frozen=True, kw_only=True):
    """An account on a system (STIX 2.1 §6.16)."""

    between: ClassVar[tuple[Between, ...]] = (
        at_least_one(
            *("extensions", "user_id", "credential", "account_login", "account_type", "display_name"),
            *("is_service_account", "is_privileged", "can_escalate_privs", "is_disabled"),
            *("account_created", "account_expires", "credential_last_changed", "account_first_login"),
            "account_last_login",
        ),
        random_unless("account_type", "user_id", "account_login"),
    )

    user_id: str | None = None
    credential: str | None = None
    account_login: str | None = None
    account_type: Annotated[str, suggested(words.ACCOUNT_TYPE)] | None = None
    display_name: str | None = None
    is_service_account: bool | None = None
    is_privileged: bool | None = None
    can_escalate_privs: bool | None = None
    is_disabled: bool | None = None
    account_created: Time | None = None
    account_expires: Time | None = None
    credential_last_changed: Time | None = None
    account_first_login: Time | None = None
    account_last_login: Time | None = None
    extensions: UserExtensions | None = None


class RegistryValue(msgspec.Struct, frozen=True, kw_only=True):
    """A value under a Windows registry key (STIX 2.1 §6.17.2)."""

    between: ClassVar[tuple[Between, ...]] = (at_least_one("name", "data", "data_type"),)

    name: str | None = None
    data: str | None = None
    data_type: Annotated[str, one_of(words.REGISTRY_DATA_TYPE)] | None = None


class WindowsRegistryKey(Plain, frozen=True, kw_only=True):
    """A key of the Windows registry (STIX 2.1 §6.17)."""

    between: ClassVar[tuple[Between, ...]] = (
        at_least_one("key", "values", "modified_time", "creator_user_ref", "number_of_subkeys"),
        random_unless("key", "values"),
    )

    key: Annotated[str, formats.REGISTRY_KEY] | None = None
    values: tuple[RegistryValue, ...] = ()
    modified_time: Time | None = None
    creator_user_ref: UserRef | None = None
    number_of_subkeys: Integer | None = None


_X509_TEXTS = (
    *("basic_constraints", "name_constraints", "policy_constraints", "key_usage", "extended_key_usage"),
    *("subject_key_identifier", "authority_key_identifier", "subject_alternative_name"),
    *("issuer_alternative_name", "subject_directory_attributes", "crl_distribution_points"),
    *("inhibit_any_policy", "private_key_usage_period_not_before"),
    *("private_key_usage_period_not_after", "certificate_policies", "policy_mappings"),
)


class X509Extensions(msgspec.Struct, frozen=True, kw_only=True):
    """The version 3 extensions of a certificate (STIX 2.1 §6.18.2)."""

    between: ClassVar[tuple[Between, ...]] = (at_least_one(*_X509_TEXTS),)

    basic_constraints: str | None = None
    name_constraints: str | None = None
    policy_constraints: str | None = None
    key_usage: str | None = None
    extended_key_usage: str | None = None
    subject_key_identifier: str | None = None
    authority_key_identifier: str | None = None
    subject_alternative_name: str | None = None
    issuer_alternative_name: str | None = None
    subject_directory_attributes: str | None = None
    crl_distribution_points: str | None = None
    inhibit_any_policy: str | None = None
    private_key_usage_period_not_before: Time | None = None
    private_key_usage_period_not_after: Time | None = None
    certificate_policies: str | None = None
    policy_mappings: str | None = None


class X509Certificate(Observable, frozen=True, kw_only=True):
    """An X.509 certificate (STIX 2.1 §6.18)."""

    between: ClassVar[tuple[Between, ...]] = (
        at_least_one(
            *("is_self_signed", "hashes", "version", "serial_number", "signature_algorithm", "issuer"),
            *("validity_not_before", "validity_not_after", "subject", "subject_public_key_algorithm"),
            *("subject_public_key_modulus", "subject_public_key_exponent", "x509_v3_extensions"),
        ),
        random_unless("hashes", "serial_number"),
    )

    is_self_signed: bool | None = None
    hashes: Hashes | None = None
    version: str | None = None
    serial_number: str | None = None
    signature_algorithm: str | None = None
    issuer: str | None = None
    validity_not_before: Time | None = None
    validity_not_after: Time | None = None
    subject: str | None = None
    subject_public_key_algorithm: str | None = None
    subject_public_key_modulus: str | None = None
    subject_public_key_exponent: Integer | None = None
    x509_v3_extensions: X509Extensions | None = None


OBSERVABLES: dict[str, type[Observable]] = {
    "artifact": Artifact,
    "autonomous-system": AutonomousSystem,
    "directory": Directory,
    "domain-name": DomainName,
    "email-addr": EmailAddress,
    "email-message": EmailMessage,
    "file": File,
    "ipv4-addr": Ipv4Address,
    "ipv6-addr": Ipv6Address,
    "mac-addr": MacAddress,
    "mutex": Mutex,
    "network-traffic": NetworkTraffic,
    "process": Process,
    "software": Software,
    "url": Url,
    "user-account": UserAccount,
    "windows-registry-key": WindowsRegistryKey,
    "x509-certificate": X509Certificate,
}
