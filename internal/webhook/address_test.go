package webhook

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	nothing := func(string) (string, bool) { return "", false }
	for name, c := range map[string]struct {
		networks  []string
		addresses string
		allowed   bool
	}{
		"public":         {nil, "1.1.1.1 8.8.8.8 172.15.255.255 172.32.0.1 100.63.255.255 100.128.0.1 168.63.129.15 2606:4700::1111 2a00:1450::1 64:ff9b::8.8.8.8 ::ffff:8.8.8.8", true},
		"private":        {nil, "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 fc00::1 fd12:3456::1 ::ffff:10.0.0.1", false},
		"loopback":       {nil, "127.0.0.1 127.9.9.9 ::1 ::ffff:127.0.0.1 0.0.0.0 :: ::127.0.0.1", false},
		"link-local":     {nil, "169.254.169.254 fe80::1 fe80::1%eth0 ::ffff:169.254.169.254 fd00:ec2::254", false},
		"special":        {nil, "168.63.129.16 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 255.255.255.255 240.0.0.1 ff02::1 fec0::1 2001:db8::1 2002:7f00:1::1 2001::1 64:ff9b:1::1 100::1", false},
		"translated":     {nil, "64:ff9b::10.0.0.1 64:ff9b::169.254.169.254 64:ff9b::127.0.0.1", false},
		"named":          {[]string{"10.20.0.0/16", "10.96.12.7/32", "fd00:20::/64"}, "10.20.0.1 10.20.255.255 10.96.12.7 ::ffff:10.96.12.7 fd00:20::1 64:ff9b::10.20.0.1", true},
		"near to named":  {[]string{"10.20.0.0/16", "10.96.12.7/32", "fd00:20::/64"}, "10.21.0.1 10.96.12.8 fd00:20:0:1::1 127.0.0.1 169.254.169.254", false},
		"named loopback": {[]string{"127.0.0.1/32"}, "127.0.0.1 ::ffff:127.0.0.1", true},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := newGuard(c.networks, nothing)
			if err != nil {
				t.Fatal(err)
			}
			for address := range strings.FieldsSeq(c.addresses) {
				err := g.control("tcp", net.JoinHostPort(address, "443"), nil)
				var private *privateError
				if c.allowed != (err == nil) || err != nil && !errors.As(err, &private) {
					t.Errorf("%s: %v", address, err)
				}
			}
		})
	}
}

// Every address of IPv6 that is not for hosts of the internet is refused, whatever is called next.
func TestOnlyPartsOfIPv6ArePublic(t *testing.T) {
	g, err := newGuard(nil, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	for first := range 256 {
		address := netip.AddrFrom16([16]byte{byte(first), 0x99, 15: 1})
		if public := first >= 0x20 && first < 0x40; (g.allowed(address) == nil) != public {
			t.Errorf("%s: %v", address, g.allowed(address))
		}
	}
}

func TestTheAPIServerIsNotCalled(t *testing.T) {
	for host, address := range map[string]string{"8.8.4.4": "8.8.4.4:443", "2606:4700::1": "[2606:4700::1]:443"} {
		lookup := func(name string) (string, bool) { return host, name == "KUBERNETES_SERVICE_HOST" }
		g, err := newGuard(nil, lookup)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.control("tcp", address, nil); err == nil {
			t.Errorf("%s is called", host)
		}
		if err := g.control("tcp", "8.8.8.8:443", nil); err != nil {
			t.Error(err)
		}
	}
	g, err := newGuard(nil, func(string) (string, bool) { return "kubernetes.default", true })
	if err != nil {
		t.Fatal(err)
	}
	if err := g.control("tcp", "no address", nil); err == nil {
		t.Error("what is no address is called")
	}
}
