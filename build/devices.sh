#!/usr/bin/env bash
# Installs the devices that the tests block with: Debian's firewall, name servers and proxy, and Suricata, which some
# releases of Debian have in their backports only. What is there already is left alone, and nothing new is left running.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

# program:package
devices=(nft:nftables ip:iproute2 ping:iputils-ping named:bind9 unbound:unbound unbound-control:unbound
	kresd:knot-resolver squid:squid suricata:suricata)
libraries=(lua-cqueues) # by it Knot Resolver watches its file

missing() {
	for each in "${devices[@]}"; do
		command -v "${each%%:*}" >/dev/null || echo "${each#*:}"
	done | sort -u
	command -v dpkg-query >/dev/null || return 0
	for each in "${libraries[@]}"; do
		dpkg-query -W -f '${Status}\n' "$each" 2>/dev/null | grep -q ' installed$' || echo "$each"
	done
}

mapfile -t wanted < <(missing)
[ "${#wanted[@]}" -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "install ${wanted[*]}: the tests of real devices skip without them"
	exit 0
fi

export DEBIAN_FRONTEND=noninteractive
backports=/etc/apt/sources.list.d/katchi-backports.list
has() { apt-cache policy "$1" | grep 'Candidate: [^(]' >/dev/null; } # read to the end, for pipefail

# Where this machine has its own packages from, the backports are beside them.
add_backports() {
	local codename place keys=/usr/share/keyrings/debian-archive-keyring.gpg
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	[ -n "$codename" ] || return 1
	place=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
		awk -v of="$codename" '$1 == of && $2 == "main" && !found++ { print $3 }')
	[ -n "$place" ] || return 1
	if [ -r "$keys" ]; then keys="[signed-by=$keys] "; else keys=""; fi
	echo "deb $keys$place $codename-backports main" >"$backports"
	apt-get update -qq -o Dir::Etc::sourcelist="$backports" -o Dir::Etc::sourceparts=- \
		-o APT::Get::List-Cleanup=0 -o APT::Update::Error-Mode=any >/dev/null 2>&1 && has suricata || {
		rm -f "$backports"
		return 1
	}
}

apt-get update -qq
if [[ " ${wanted[*]} " == *" suricata "* ]] && ! has suricata && ! add_backports; then
	echo "no suricata here, nor in the backports of this Debian: its tests skip"
	mapfile -t wanted < <(missing | grep -vx suricata)
fi
[ "${#wanted[@]}" -gt 0 ] || exit 0
# A device starts when a test starts it, and ends with it: what an installation starts is stopped again.
apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
declare -A services=([bind9]=named [unbound]=unbound [squid]=squid [suricata]=suricata [knot-resolver]=kresd@1)
for package in "${wanted[@]}"; do
	service=${services[$package]:-}
	[ -n "$service" ] || continue
	if [ -d /run/systemd/system ]; then
		systemctl disable --now --quiet "$service" 2>/dev/null || true
	elif [ -x "/etc/init.d/$service" ]; then
		"/etc/init.d/$service" stop >/dev/null 2>&1 || true
	fi
done
