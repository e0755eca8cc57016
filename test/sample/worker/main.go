// Command worker is the background half of the sample application: it asks the API for a quote again and
// again, and counts. Its health says that it goes on asking, not that the API answers: an API that is down
// must not take the worker down with it.
package main

import (
	"flag"
	"log"
	"time"

	"github.com/sluice-dev/sluice/test/sample/internal/build"
	"github.com/sluice-dev/sluice/test/sample/internal/serve"
)

func main() {
	listen := flag.String("listen", ":8080", "address to serve health on")
	target := flag.String("target", "http://checkout-api", "base URL of the API")
	interval := flag.Duration("interval", time.Second, "time between two questions")
	flag.Parse()
	log.Printf("checkout-worker %s", build.Version)
	w := newWorker(*target, *interval)
	if err := serve.Until(*listen, w.handler(), w.run); err != nil {
		log.Fatal(err)
	}
}
