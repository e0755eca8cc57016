// Command people gives a kubeconfig one context for each person of the demo. They act through the credentials of the
// current context, by impersonation: admission sees each of them as if they had logged in.
//
//	go run ./hack/demo/people [-kubeconfig FILE] NAME=GROUP...
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

func main() {
	file := flag.String("kubeconfig", os.Getenv("KUBECONFIG"), "file to add the contexts to")
	flag.Parse()
	if err := run(*file, flag.Args(), os.Stdout); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "people:", err)
		os.Exit(1)
	}
}

// run adds a context for each NAME=GROUP, and prints their names. Contexts of the same names are replaced.
func run(file string, people []string, out io.Writer) error {
	if file == "" {
		return errors.New("there is no kubeconfig: set KUBECONFIG, or -kubeconfig FILE")
	}
	config, err := clientcmd.LoadFromFile(file)
	if err != nil {
		return fmt.Errorf("read the kubeconfig: %w", err)
	}
	current, ok := config.Contexts[config.CurrentContext]
	if !ok || config.AuthInfos[current.AuthInfo] == nil {
		return fmt.Errorf("%s has no current context with a user: kubectl config use-context NAME", file)
	}
	for _, person := range people {
		name, group, found := strings.Cut(person, "=")
		if !found || name == "" || group == "" {
			return fmt.Errorf("%q is no NAME=GROUP", person)
		}
		add(config, *current, name, group)
		_, _ = fmt.Fprintln(out, name)
	}
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	return nil
}

func add(config *clientcmdapi.Config, current clientcmdapi.Context, name, group string) {
	user := config.AuthInfos[current.AuthInfo].DeepCopy()
	user.Impersonate, user.ImpersonateGroups = name, []string{group, "system:authenticated"}
	config.AuthInfos[name] = user
	current.AuthInfo = name
	config.Contexts[name] = &current
}
