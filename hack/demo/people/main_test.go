package main

import (
	"bytes"
	"path/filepath"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// kubeconfig writes one whose only user is an administrator with a token.
func kubeconfig(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	config := clientcmdapi.NewConfig()
	config.Clusters["here"] = &clientcmdapi.Cluster{Server: "https://127.0.0.1:6443"}
	config.AuthInfos["admin"] = &clientcmdapi.AuthInfo{Token: "secret"}
	config.Contexts["admin"] = &clientcmdapi.Context{Cluster: "here", AuthInfo: "admin"}
	config.CurrentContext = "admin"
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestPeopleActThroughTheCurrentUser(t *testing.T) {
	file := kubeconfig(t)
	var out bytes.Buffer
	if err := run(file, []string{"dave=developers", "bob=qa"}, &out); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.LoadFromFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dave := config.AuthInfos["dave"]
	if dave == nil || dave.Token != "secret" || dave.Impersonate != "dave" || dave.ImpersonateGroups[0] != "developers" {
		t.Errorf("dave is %+v", dave)
	}
	if bob := config.Contexts["bob"]; bob == nil || bob.Cluster != "here" || bob.AuthInfo != "bob" {
		t.Errorf("the context of bob is %+v", bob)
	}
	if config.CurrentContext != "admin" || config.AuthInfos["admin"].Impersonate != "" {
		t.Errorf("the administrator changed: %s, %+v", config.CurrentContext, config.AuthInfos["admin"])
	}
	if out.String() != "dave\nbob\n" {
		t.Errorf("it printed %q", out.String())
	}
}

func TestWhatCannotBeAdded(t *testing.T) {
	for name, run := range map[string]func() error{
		"no kubeconfig": func() error { return run("", nil, &bytes.Buffer{}) },
		"no such file":  func() error { return run(filepath.Join(t.TempDir(), "none"), nil, &bytes.Buffer{}) },
		"no group":      func() error { return run(kubeconfig(t), []string{"dave"}, &bytes.Buffer{}) },
	} {
		if run() == nil {
			t.Errorf("%s: there was no error", name)
		}
	}
}
