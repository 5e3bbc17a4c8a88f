package operation

import (
	"net/netip"
	"strings"

	"doksportal/internal/portal"
)

const maxAddresses = 100

// wideNetwork is the prefix length below which a network is hardly somebody's
// own.
const wideNetwork = 8

func openFirewall(form portal.Form, s portal.Settings) {
	form.Tick("firewall", s.Firewall.Enabled)
	form.Set("firewall_allowed", strings.Join(s.Firewall.Allowed, "\n"))
}

func readFirewall(f *fieldErrors, form portal.Form, s *portal.Settings) {
	w := portal.Firewall{Enabled: form.On("firewall"), Allowed: form.Fields("firewall_allowed")}
	s.Firewall = w
	if len(w.Allowed) > maxAddresses {
		f.Add("firewall_allowed", "You entered %d addresses; at most %d are allowed.", len(w.Allowed), maxAddresses)
		return
	}
	for _, a := range w.Allowed {
		f.checkAddress("firewall_allowed", a)
	}
	if w.Enabled && len(w.Allowed) == 0 {
		f.Add("firewall_allowed", "Enter at least one address; otherwise nobody could reach the cluster.")
	}
}

// firewallWarnings says whom a control plane's firewall lets in that its author
// may not have meant: everybody, or nobody.
func firewallWarnings(w portal.Firewall) []string {
	if !w.Enabled || len(w.Allowed) == 0 {
		return nil
	}
	var list []string
	private := true
	for _, typed := range w.Allowed {
		network, err := netip.ParsePrefix(typed)
		if err != nil {
			address, err := netip.ParseAddr(typed)
			if err != nil {
				return nil // a fault of its own
			}
			network = netip.PrefixFrom(address, address.BitLen())
		}
		if network.Bits() == 0 {
			list = append(list, "The control plane firewall allows "+typed+", which is every address: it protects nothing.")
		} else if network.Bits() < wideNetwork {
			list = append(list, "The control plane firewall allows "+typed+", which is a large part of the internet.")
		}
		a := network.Addr()
		private = private && network.Bits() > 0 && (a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast())
	}
	if private {
		list = append(list, "The control plane firewall allows private addresses only. The control plane is reached over the internet, so nobody could reach it, the portal's users included.")
	}
	return list
}
