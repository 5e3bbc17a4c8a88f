// Command mutate breaks the checks of who may do what, one at a time, and says
// which break no test notices. It runs for hours and is no part of the tests;
// it writes nothing into the tree.
//
//	go run ./test/mutate [-list] [-quick] [-only rulebook] [-match review.go] [-run Review]
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
)

// subjects are the packages whose checks are broken, each with the packages
// whose tests should notice, those that are quick first.
var subjects = []struct {
	name  string
	tests []string
}{
	{"portal", []string{"portal", "rulebook", "teams", "execute", "web"}},
	{"quota", []string{"quota", "portal", "execute"}},
	{"policy", []string{"policy", "rulebook"}},
	{"rulebook", []string{"rulebook", "web"}},
	{"teams", []string{"teams", "web"}},
	{"auth", []string{"auth", "web"}},
	{"notify", []string{"notify", "web"}},
	{"operation", []string{"operation", "execute", "web"}},
	{"request", []string{"request", "execute", "web"}},
	{"execute", []string{"execute", "web"}},
}

func main() {
	log.SetFlags(0)
	list := flag.Bool("list", false, "list the mutants without running a test")
	only := flag.String("only", "", "the package to break; all when empty")
	quick := flag.Bool("quick", false, "run the tests of the broken package alone")
	match := flag.String("match", "", "a part of the mutants' descriptions, such as a file's name")
	run := flag.String("run", "", "the tests that should notice, as for go test; what they leave may still be killed by others")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	survivors := 0
	for _, s := range subjects {
		if *only != "" && *only != s.name {
			continue
		}
		mutants, err := mutantsOf(filepath.Join("internal", s.name))
		if err != nil {
			log.Fatal(err)
		}
		if *quick {
			s.tests = []string{s.name}
		}
		for _, m := range mutants {
			if !strings.Contains(m.String(), *match) {
				continue
			}
			if *list {
				fmt.Println(m)
				continue
			}
			outcome, err := m.try(ctx, s.tests, *run)
			if err != nil {
				log.Fatal(err)
			}
			if outcome == survived {
				survivors++
			}
			fmt.Printf("%-10s %s\n", outcome, m)
		}
	}
	if survivors > 0 {
		log.Fatalf("%d survived", survivors)
	}
}

// What became of a mutant.
const (
	killed    = "killed"
	survived  = "SURVIVED"
	notViable = "not viable" // it does not compile
)

// try runs the tests with the mutant in its file's place.
func (m mutant) try(ctx context.Context, tests []string, run string) (string, error) {
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	overlay, err := m.overlay(dir)
	if err != nil {
		return "", err
	}
	if err := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "./"+filepath.Dir(m.file)).Run(); err != nil {
		return notViable, ctx.Err()
	}
	for _, name := range tests {
		c := exec.CommandContext(ctx, "go", "test", "-overlay", overlay, "-vet=off", "-failfast", "-timeout=10m", "-run", run, "./internal/"+name)
		var output bytes.Buffer
		c.Stdout, c.Stderr = &output, &output
		var failed *exec.ExitError
		switch err := c.Run(); {
		case ctx.Err() != nil:
			return "", ctx.Err()
		case errors.As(err, &failed):
			return killed, nil
		case err != nil:
			return "", fmt.Errorf("%w: %s", err, output.Bytes())
		}
	}
	return survived, nil
}

// overlay writes the mutant and the file that tells the compiler to read it.
func (m mutant) overlay(dir string) (string, error) {
	original, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	changed, overlay := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(changed, m.text, 0o600); err != nil {
		return "", err
	}
	data, err := json.Marshal(map[string]any{"Replace": map[string]string{original: changed}})
	if err != nil {
		return "", err
	}
	return overlay, os.WriteFile(overlay, data, 0o600)
}
