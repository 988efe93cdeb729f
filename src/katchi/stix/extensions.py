"""The extensions that STIX 2.1 §6 itself defines for files, traffic, processes and accounts."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec

from katchi.stix import vocabularies as words
from katchi.stix.between import at_least_one
from katchi.stix.core import PredefinedExtensions
from katchi.stix.findings import Findings
from katchi.stix.identifiers import observable_reference
from katchi.stix.properties import Count, Dictionary, Hashes, Hex, Integer, Time
from katchi.stix.rule import Between, Rule, nothing_more, one_of, suggested
from katchi.stix.wording import excerpt, join


class ArchiveExtension(msgspec.Struct, frozen=True, kw_only=True):
    """A file that holds files (STIX 2.1 §6.7.2)."""

    contains_refs: tuple[Annotated[str, observable_reference("file", "directory")], ...]
    comment: str | None = None


class AlternateDataStream(msgspec.Struct, frozen=True, kw_only=True):
    """A stream beside a file's main one on NTFS (STIX 2.1 §6.7.3.2)."""

    name: str
    hashes: Hashes | None = None
    size: Count | None = None


class NtfsExtension(msgspec.Struct, frozen=True, kw_only=True):
    """A file on NTFS (STIX 2.1 §6.7.3)."""

    between: ClassVar[tuple[Between, ...]] = (at_least_one("sid", "alternate_data_streams"),)

    sid: str | None = None
    alternate_data_streams: tuple[AlternateDataStream, ...] = ()


def _explain_pdf_info(members: dict[str, Any], path: str, findings: Findings) -> None:
    strange = sorted(members.get("document_info_dict", {}).keys() - words.PDF_INFO)
    findings.should(
        join(path, "document_info_dict"),
        "pdf-info",
        f"Not keys of a PDF's document information: {excerpt(', '.join(strange))}.",
    )


def _holds_pdf_info(members: dict[str, Any]) -> bool:
    info = members.get("document_info_dict")
    return not isinstance(info, dict) or info.keys() <= words.PDF_INFO


class PdfExtension(msgspec.Struct, frozen=True, kw_only=True):
    """A PDF document (STIX 2.1 §6.7.4)."""

    between: ClassVar[tuple[Between, ...]] = (
        at_least_one("version", "is_optimized", "document_info_dict", "pdfid0", "pdfid1"),
        Between(_holds_pdf_info, _explain_pdf_info),
    )

    version: str | None = None
    is_optimized: bool | None = None
    document_info_dict: dict[str, str] | None = None
    pdfid0: str | None = None
    pdfid1: str | None = None


class RasterImageExtension(msgspec.Struct, frozen=True, kw_only=True):
    """A picture made of pixels (STIX 2.1 §6.7.5)."""

    between: ClassVar[tuple[Between, ...]] = (
        at_least_one("image_height", "image_width", "bits_per_pixel", "exif_tags"),
    )

    image_height: Integer | None = None
    image_width: Integer | None = None
    bits_per_pixel: Integer | None = None
    exif_tags: Dictionary | None = None


class PeOptionalHeader(msgspec.Struct, frozen=True, kw_only=True):
    """The optional header of a Windows executable (STIX 2.1 §6.7.6.2)."""

    magic_hex: Hex | None = None
    major_linker_version: Integer | None = None
    minor_linker_version: Integer | None = None
    size_of_code: Count | None = None
    size_of_initialized_data: Count | None = None
    size_of_uninitialized_data: Count | None = None
    address_of_entry_point: Integer | None = None
    base_of_code: Integer | None = None
    base_of_data: Integer | None = None
    image_base: Integer | None = None
    section_alignment: Integer | None = None
    file_alignment: Integer | None = None
    major_os_version: Integer | None = None
    minor_os_version: Integer | None = None
    major_image_version: Integer | None = None
    minor_image_version: Integer | None = None
    major_subsystem_version: Integer | None = None
    minor_subsystem_version: Integer | None = None
    win32_version_value_hex: Hex | None = None
    size_of_image: Count | None = None
    size_of_headers: Count | None = None
    checksum_hex: Hex | None = None
    subsystem_hex: Hex | None = None
    dll_characteristics_hex: Hex | None = None
    size_of_stack_reserve: Count | None = None
    size_of_stack_commit: Count | None = None
    size_of_heap_reserve: Count | None = None
    size_of_heap_commit: Count | None = None
    loader_flags_hex: Hex | None = None
    number_of_rva_and_sizes: Integer | None = None
    hashes: Hashes | None = None


class PeSection(msgspec.Struct, frozen=True, kw_only=True):
    """A section of a Windows executable (STIX 2.1 §6.7.6.3)."""

    name: str
    size: Count | None = None
    entropy: float | None = None
    hashes: Hashes | None = None


class PeExtension(msgspec.Struct, frozen=True, kw_only=True):
    """A Windows executable (STIX 2.1 §6.7.6)."""

    between: ClassVar[tuple[Between, ...]] = (
        at_least_one(
            *("imphash", "machine_hex", "number_of_sections", "time_date_stamp"),
            *("pointer_to_symbol_table_hex", "number_of_symbols", "size_of_optional_header"),
            *("characteristics_hex", "file_header_hashes", "optional_header", "sections"),
        ),
    )

    pe_type: Annotated[str, suggested(words.PE_TYPE)]
    imphash: str | None = None
    machine_hex: Hex | None = None
    number_of_sections: Count | None = None
    time_date_stamp: Time | None = None
    pointer_to_symbol_table_hex: Hex | None = None
    number_of_symbols: Count | None = None
    size_of_optional_header: Count | None = None
    characteristics_hex: Hex | None = None
    file_header_hashes: Hashes | None = None
    optional_header: PeOptionalHeader | None = None
    sections: tuple[PeSection, ...] = ()


class HttpRequestExtension(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP request (STIX 2.1 §6.12.2)."""

    request_method: str
    request_value: str
    request_version: str | None = None
    request_header: dict[str, Any] | None = None
    message_body_length: Integer | None = None
    message_body_data_ref: Annotated[str, observable_reference("artifact")] | None = None


class IcmpExtension(msgspec.Struct, frozen=True, kw_only=True):
    """ICMP traffic (STIX 2.1 §6.12.3)."""

    icmp_type_hex: Hex
    icmp_code_hex: Hex


class SocketExtension(msgspec.Struct, frozen=True, kw_only=True):
    """Traffic that belongs to a socket (STIX 2.1 §6.12.4)."""

    address_family: Annotated[str, one_of(words.ADDRESS_FAMILY)]
    is_blocking: bool | None = None
    is_listening: bool | None = None
    options: dict[str, Integer] | None = None
    socket_type: Annotated[str, one_of(words.SOCKET_TYPE)] | None = None
    socket_descriptor: Count | None = None
    socket_handle: Integer | None = None


class TcpExtension(msgspec.Struct, frozen=True, kw_only=True):
    """TCP traffic (STIX 2.1 §6.12.5)."""

    between: ClassVar[tuple[Between, ...]] = (at_least_one("src_flags_hex", "dst_flags_hex"),)

    src_flags_hex: Hex | None = None
    dst_flags_hex: Hex | None = None


def _explain_priority(value: str, path: str, findings: Findings) -> None:
    findings.should(path, "process-priority", f"{excerpt(value)} should end in _CLASS.")


def _is_priority(text: str) -> bool:
    return len(text) > 6 and text.endswith("_CLASS")


class WindowsProcessExtension(msgspec.Struct, frozen=True, kw_only=True):
    """A process on Windows (STIX 2.1 §6.13.2)."""

    between: ClassVar[tuple[Between, ...]] = (
        at_least_one(
            *("aslr_enabled", "dep_enabled", "priority", "owner_sid", "window_title", "startup_info"),
            "integrity_level",
        ),
    )

    aslr_enabled: bool | None = None
    dep_enabled: bool | None = None
    priority: Annotated[str, Rule(str, _is_priority, _explain_priority)] | None = None
    owner_sid: str | None = None
    window_title: str | None = None
    startup_info: Annotated[dict[str, Any], Rule(dict, bool, nothing_more)] | None = None
    integrity_level: Annotated[str, one_of(words.INTEGRITY_LEVEL)] | None = None


class WindowsServiceExtension(msgspec.Struct, frozen=True, kw_only=True):
    """A service on Windows (STIX 2.1 §6.13.3)."""

    between: ClassVar[tuple[Between, ...]] = (
        at_least_one(
            *("service_name", "descriptions", "display_name", "group_name", "start_type"),
            *("service_dll_refs", "service_type", "service_status"),
        ),
    )

    service_name: str | None = None
    descriptions: tuple[str, ...] = ()
    display_name: str | None = None
    group_name: str | None = None
    start_type: Annotated[str, one_of(words.SERVICE_START_TYPE)] | None = None
    service_dll_refs: tuple[Annotated[str, observable_reference("file")], ...] = ()
    service_type: Annotated[str, one_of(words.SERVICE_TYPE)] | None = None
    service_status: Annotated[str, one_of(words.SERVICE_STATUS)] | None = None


class UnixAccountExtension(msgspec.Struct, frozen=True, kw_only=True):
    """An account on a Unix system (STIX 2.1 §6.16.2)."""

    between: ClassVar[tuple[Between, ...]] = (at_least_one("gid", "groups", "home_dir", "shell"),)

    gid: Integer | None = None
    groups: tuple[str, ...] = ()
    home_dir: str | None = None
    shell: str | None = None


class FileExtensions(PredefinedExtensions, frozen=True, kw_only=True):
    """What a file may be extended with."""

    archive: ArchiveExtension | None = msgspec.field(name="archive-ext", default=None)
    ntfs: NtfsExtension | None = msgspec.field(name="ntfs-ext", default=None)
    pdf: PdfExtension | None = msgspec.field(name="pdf-ext", default=None)
    raster_image: RasterImageExtension | None = msgspec.field(name="raster-image-ext", default=None)
    windows_pebinary: PeExtension | None = msgspec.field(name="windows-pebinary-ext", default=None)


class NetworkExtensions(PredefinedExtensions, frozen=True, kw_only=True):
    """What network traffic may be extended with."""

    http_request: HttpRequestExtension | None = msgspec.field(name="http-request-ext", default=None)
    icmp: IcmpExtension | None = msgspec.field(name="icmp-ext", default=None)
    socket: SocketExtension | None = msgspec.field(name="socket-ext", default=None)
    tcp: TcpExtension | None = msgspec.field(name="tcp-ext", default=None)


class ProcessExtensions(PredefinedExtensions, frozen=True, kw_only=True):
    """What a process may be extended with."""

    windows_process: WindowsProcessExtension | None = msgspec.field(name="windows-process-ext", default=None)
    windows_service: WindowsServiceExtension | None = msgspec.field(name="windows-service-ext", default=None)


class UserExtensions(PredefinedExtensions, frozen=True, kw_only=True):
    """What a user account may be extended with."""

    unix_account: UnixAccountExtension | None = msgspec.field(name="unix-account-ext", default=None)
