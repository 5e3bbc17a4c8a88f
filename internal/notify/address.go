package notify

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
)

// maxURL bounds the length of a webhook's address.
const maxURL = 2000

// checkURL says in words for people why a webhook may not go to an address,
// empty when it may. It gives away no more of the address than its host.
func (s *Service) checkURL(raw string) (u *url.URL, problem string) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "" || len(raw) > maxURL:
		return nil, "Enter an address like https://host.example/path."
	case u.User != nil || u.Fragment != "":
		return nil, "The address must have neither a user name nor a fragment."
	case u.Scheme != "https" && (u.Scheme != "http" || !s.WebhookPrivate || !loopback(u.Hostname())):
		return nil, "The address must start with https://."
	case !s.allowed(u.Hostname()):
		return nil, fmt.Sprintf("Webhooks to the host %.100q are not allowed; an operator lists the hosts that are.", u.Hostname())
	}
	return u, ""
}

// allowed reports whether the configuration lists the host.
func (s *Service) allowed(host string) bool {
	host = strings.ToLower(host)
	return slices.ContainsFunc(s.WebhookHosts, func(pattern string) bool {
		pattern = strings.ToLower(pattern)
		if below, ok := strings.CutPrefix(pattern, "*."); ok {
			name, found := strings.CutSuffix(host, "."+below)
			return found && name != ""
		}
		return host == pattern
	})
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// redact is what of a webhook's address people see: the host, and the end by
// which those who know the address recognise it.
func redact(u *url.URL) string {
	const shown, hidden = 4, 12
	rest := u.RequestURI()
	if len(rest) < shown+hidden {
		return u.Hostname()
	}
	return u.Hostname() + " …" + strings.ToValidUTF8(rest[len(rest)-shown:], "")
}

// addressError says that a connection was not made because of where it leads.
type addressError struct{}

func (addressError) Error() string { return "address refused" }

// guard refuses to connect to addresses within the operator's own network. It
// sees the address that the name was resolved to, just before connecting.
func guard(private bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || never(at.Addr()) || !private && !public(at.Addr()) {
			return addressError{}
		}
		return nil
	}
}

// never reports whether no webhook can have business at an address: whole
// networks, and where clouds tell machines their secrets.
func never(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	return ip.IsUnspecified() || ip.IsMulticast() || ip.IsLinkLocalUnicast() || slices.Contains(metadata, ip)
}

var metadata = []netip.Addr{
	netip.MustParseAddr("168.63.129.16"), netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("192.0.0.192"),
	netip.MustParseAddr("fd00:ec2::254"),
}

// public reports whether an address is one of the public internet.
func public(ip netip.Addr) bool {
	if ip.Is4In6() || !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.Is6() && !unicast6.Contains(ip) {
		return false
	}
	return !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// unicast6 is all of IPv6 that is given out to the public.
var unicast6 = netip.MustParsePrefix("2000::/3")

// special are the networks that are set aside for other uses, and those that
// lead to IPv4 addresses in disguise.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("3fff::/20"),
}

// target is where a channel leads.
type target struct {
	Address string `json:"address,omitempty"` // of mail
	URL     string `json:"url,omitempty"`
	Secret  string `json:"secret,omitempty"` // that webhooks are signed with
}
