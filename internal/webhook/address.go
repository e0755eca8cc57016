package webhook

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"github.com/sluice-dev/sluice/internal/outbound"
)

// apiServerVariable is where the kubelet tells every pod the address of the API server.
const apiServerVariable = "KUBERNETES_SERVICE_HOST"

// notPublic are the networks of IPv4 that lead to no host of the internet: those that IANA lists as special
// (https://www.iana.org/assignments/iana-ipv4-special-registry), multicast, and 168.63.129.16, at which Azure answers to its
// own machines.
var notPublic = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	// Of IPv6 only 2000::/3 is public, but for protocols (Teredo and others), documentation and 6to4.
	"::/3", "4000::/2", "8000::/1", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

// translated addresses hold one of IPv4 in their last four bytes (NAT64).
var translated = netip.MustParsePrefix("64:ff9b::/96")

func prefixes(texts ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		parsed = append(parsed, netip.MustParsePrefix(text))
	}
	return parsed
}

// guard says which addresses may be called: public ones, and those of networks that the Environment names.
type guard struct{ named, refused []netip.Prefix }

func newGuard(networks []string, lookup outbound.Lookup) (*guard, error) {
	g := &guard{refused: slices.Clone(notPublic)}
	for _, text := range networks {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("webhookNetworks: %w", err)
		}
		g.named = append(g.named, network.Masked())
	}
	// A cluster may use public addresses for itself; that of its API server every pod knows.
	if host, found := lookup(apiServerVariable); found {
		if server, err := netip.ParseAddr(host); err == nil {
			g.refused = append(g.refused, netip.PrefixFrom(server, server.BitLen()))
		}
	}
	return g, nil
}

// privateError says that an address may not be called.
type privateError struct{ address netip.Addr }

func (e *privateError) Error() string {
	return fmt.Sprintf("url leads to %s, which is a private address: whoever holds unlock on the Environment may let webhooks call it, with webhookNetworks: [%s]",
		e.address, netip.PrefixFrom(e.address, e.address.BitLen()))
}

// control looks at each address right before it is connected to, so that it does not matter what a name led to before.
func (g *guard) control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%s is no address: %w", address, err)
	}
	return g.allowed(to.Addr().WithZone("").Unmap())
}

func (g *guard) allowed(address netip.Addr) error {
	if within(g.named, address) {
		return nil
	}
	if translated.Contains(address) {
		whole := address.As16()
		return g.allowed(netip.AddrFrom4([4]byte(whole[12:])))
	}
	if within(g.refused, address) {
		return &privateError{address: address}
	}
	return nil
}

func within(networks []netip.Prefix, address netip.Addr) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(address) })
}
