package controlplane

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are taken from below the range that Linux gives to outgoing connections (32768 and up), so that
// none of these takes a port while the API server that owns it restarts.
const (
	firstPort = 20000
	lastPort  = 29999
	tries     = 100
)

// freePorts returns n distinct ports of 127.0.0.1 that nobody listens on at the moment.
func freePorts(n int) ([]int, error) {
	var ports []int
	// The listeners are held until all are found: otherwise one port could be found twice.
	var held []net.Listener
	defer func() {
		for _, listener := range held {
			_ = listener.Close() // nothing was accepted, so nothing can be lost
		}
	}()
	for range tries {
		if len(ports) == n {
			return ports, nil
		}
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		listener, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
		if err != nil {
			continue
		}
		held = append(held, listener)
		ports = append(ports, port)
	}
	return nil, fmt.Errorf("found %d of %d free ports on %s between %d and %d in %d tries",
		len(ports), n, loopback, firstPort, lastPort, tries)
}
