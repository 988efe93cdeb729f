"""The words that STIX 2.1 §10 suggests (open vocabularies) or prescribes (enumerations)."""

from __future__ import annotations

from typing import Final

from katchi.stix.wording import words

# --- Open vocabularies: other words are allowed, but SHOULD NOT be needed ------------------------

ACCOUNT_TYPE: Final = words("facebook ldap nis openid radius skype tacacs twitter unix windows-local windows-domain")
ATTACK_MOTIVATION: Final = words(
    "accidental coercion dominance ideology notoriety organizational-gain personal-gain"
    " personal-satisfaction revenge unpredictable"
)
ATTACK_RESOURCE_LEVEL: Final = words("individual club contest team organization government")
GROUPING_CONTEXT: Final = words("suspicious-activity malware-analysis unspecified")
IDENTITY_CLASS: Final = words("individual group system organization class unknown")
IMPLEMENTATION_LANGUAGE: Final = words(
    "applescript bash c c++ c# go java javascript lua objective-c perl php powershell python ruby"
    " scala swift typescript visual-basic x86-32 x86-64"
)
INDICATOR_TYPE: Final = words(
    "anomalous-activity anonymization benign compromised malicious-activity attribution unknown"
)
INDUSTRY_SECTOR: Final = words(
    "agriculture aerospace automotive chemical commercial communications construction dams defense"
    " education emergency-services energy engineering entertainment financial-services government"
    " government-local government-national government-public-services"
    " government-regional healthcare hospitality-leisure infrastructure insurance manufacturing mining"
    " non-profit nuclear pharmaceuticals retail technology telecommunications transportation utilities water"
)
INFRASTRUCTURE_TYPE: Final = words(
    "amplification anonymization botnet command-and-control control-system exfiltration firewall"
    " hosting-malware hosting-target-lists phishing reconnaissance routers-switches staging unknown"
    " workstation"
)
MALWARE_CAPABILITY: Final = words(
    "accesses-remote-machines anti-debugging anti-disassembly anti-emulation anti-memory-forensics"
    " anti-sandbox anti-vm captures-input-peripherals captures-output-peripherals"
    " captures-system-state-data cleans-traces-of-infection commits-fraud communicates-with-c2"
    " compromises-data-availability compromises-data-integrity compromises-system-availability"
    " controls-local-machine degrades-security-software degrades-system-updates determines-c2-server"
    " emails-spam escalates-privileges evades-av exfiltrates-data fingerprints-host hides-artifacts"
    " hides-executing-code infects-files infects-remote-machines installs-other-components"
    " persists-after-system-reboot prevents-artifact-access prevents-artifact-deletion"
    " probes-network-environment self-modifies steals-authentication-credentials"
    " violates-system-operational-integrity"
)
MALWARE_RESULT: Final = words("malicious suspicious benign unknown")
MALWARE_TYPE: Final = words(
    "adware backdoor bootkit bot ddos downloader dropper exploit-kit keylogger ransomware"
    " remote-access-trojan resource-exploitation rogue-security-software rootkit screen-capture"
    " spyware trojan unknown virus webshell wiper worm"
)
PATTERN_TYPE: Final = words("stix pcre sigma snort suricata yara")
PROCESSOR_ARCHITECTURE: Final = words("alpha arm ia-64 mips powerpc sparc x86 x86-64")
REGION: Final = words(
    "africa eastern-africa middle-africa northern-africa southern-africa western-africa americas"
    " caribbean central-america latin-america-caribbean northern-america south-america asia"
    " central-asia eastern-asia southern-asia south-eastern-asia western-asia europe eastern-europe"
    " northern-europe southern-europe western-europe oceania antarctica australia-new-zealand"
    " melanesia micronesia polynesia"
)
REPORT_TYPE: Final = words(
    "attack-pattern campaign identity indicator intrusion-set malware observed-data threat-actor"
    " threat-report tool vulnerability"
)
THREAT_ACTOR_TYPE: Final = words(
    "activist competitor crime-syndicate criminal hacker insider-accidental insider-disgruntled"
    " nation-state sensationalist spy terrorist unknown"
)
THREAT_ACTOR_ROLE: Final = words(
    "agent director independent infrastructure-architect infrastructure-operator malware-author sponsor"
)
THREAT_ACTOR_SOPHISTICATION: Final = words("none minimal intermediate advanced expert innovator strategic")
TOOL_TYPE: Final = words(
    "denial-of-service exploitation information-gathering network-capture credential-exploitation"
    " remote-access vulnerability-scanning unknown"
)
PE_TYPE: Final = words("dll exe sys")
HASH_ALGORITHM: Final = words("MD5 SHA-1 SHA-256 SHA-512 SHA3-256 SHA3-512 SSDEEP TLSH")

# --- Enumerations: any other word is an error ----------------------------------------------------

ENCRYPTION_ALGORITHM: Final = words("AES-256-GCM ChaCha20-Poly1305 mime-type-indicated")
EXTENSION_TYPE: Final = words("new-sdo new-sco new-sro property-extension toplevel-property-extension")
OPINION: Final = words("strongly-disagree disagree neutral agree strongly-agree")
INTEGRITY_LEVEL: Final = words("low medium high system")
SERVICE_START_TYPE: Final = words(
    "SERVICE_AUTO_START SERVICE_BOOT_START SERVICE_DEMAND_START SERVICE_DISABLED SERVICE_SYSTEM_ALERT"
)
SERVICE_TYPE: Final = words(
    "SERVICE_KERNEL_DRIVER SERVICE_FILE_SYSTEM_DRIVER SERVICE_WIN32_OWN_PROCESS SERVICE_WIN32_SHARE_PROCESS"
)
SERVICE_STATUS: Final = words(
    "SERVICE_CONTINUE_PENDING SERVICE_PAUSE_PENDING SERVICE_PAUSED SERVICE_RUNNING"
    " SERVICE_START_PENDING SERVICE_STOP_PENDING SERVICE_STOPPED"
)
ADDRESS_FAMILY: Final = words("AF_UNSPEC AF_INET AF_IPX AF_APPLETALK AF_NETBIOS AF_INET6 AF_IRDA AF_BTH")
SOCKET_TYPE: Final = words("SOCK_STREAM SOCK_DGRAM SOCK_RAW SOCK_RDM SOCK_SEQPACKET")
REGISTRY_DATA_TYPE: Final = words(
    "REG_NONE REG_SZ REG_EXPAND_SZ REG_BINARY REG_DWORD REG_DWORD_BIG_ENDIAN"
    " REG_DWORD_LITTLE_ENDIAN REG_LINK REG_MULTI_SZ REG_RESOURCE_LIST REG_FULL_RESOURCE_DESCRIPTION"
    " REG_RESOURCE_REQUIREMENTS_LIST REG_QWORD REG_INVALID_TYPE"
)

# --- Words that other bodies keep, as far as STIX points to them ---------------------------------

COUNTRY: Final = words(
    # ISO 3166-1 alpha-2, and XK as everybody writes Kosovo
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS"
    " BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE"
    " EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM"
    " HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC"
    " LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA"
    " NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW"
    " SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO"
    " TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW"
)
PDF_INFO: Final = words(
    # ISO 32000-1 §14.3.3
    "Title Author Subject Keywords Creator Producer CreationDate ModDate Trapped"
)
