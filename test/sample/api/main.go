// Command api is the checkout service of the sample application: see ../README.md.
package main

import (
	"flag"
	"log"

	"github.com/sluice-dev/sluice/test/sample/internal/build"
	"github.com/sluice-dev/sluice/test/sample/internal/serve"
)

func main() {
	listen := flag.String("listen", ":8080", "address to serve on")
	flag.Parse()
	log.Printf("checkout-api %s", build.Version)
	if err := serve.Until(*listen, newServer(build.Version, build.Fault), nil); err != nil {
		log.Fatal(err)
	}
}
