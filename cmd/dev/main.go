// Command dev is `make dev`: the demo, with whatever is saved in the sources on
// the page within seconds, and all data kept. It holds what surrounds the portal
// (Postgres, the simulator, the sign-in), runs the portal behind a proxy of its
// own, and replaces it by a newer one once that answers. The portal itself is
// what an operator runs and knows nothing of it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"doksportal/internal/demo"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	again, err := run(ctx)
	stop()
	if err == nil && again {
		err = syscall.Exec(program, append([]string{program}, kept()...), os.Environ())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "dev:", err)
		os.Exit(1)
	}
}

// flags are those of the demo.
func flags() (o demo.Options, verbose bool, err error) {
	flag.StringVar(&o.Listen, "listen", "127.0.0.1:8080", "address of the portal")
	flag.StringVar(&o.Simulator, "simulator", "127.0.0.1:8081", "address of the simulated DigitalOcean")
	flag.StringVar(&o.Issuer, "issuer", "127.0.0.1:8082", "address of the local sign-in, and of the mails that the portal sends")
	flag.StringVar(&o.Data, "data", "", "directory of the data; by default that of the demo")
	flag.BoolVar(&o.Fresh, "fresh", false, "begin again, without the data of earlier runs")
	flag.BoolVar(&o.Story, "story", true, "begin with a company that has been at work for 90 days")
	flag.BoolVar(&verbose, "verbose", false, "log every request")
	flag.Parse()
	o.StepUpMaxAge = 5 * time.Minute
	if o.Data == "" {
		o.Data, err = demo.DefaultData()
	}
	return o, verbose, err
}

// kept are the arguments for a program that takes over: the data are fresh
// already.
func kept() []string {
	return slices.DeleteFunc(slices.Clone(os.Args[1:]), func(arg string) bool { return arg == "-fresh" || arg == "--fresh" })
}

// run works until ctx ends, or until it is to run again as a newer program.
func run(ctx context.Context) (again bool, err error) {
	o, verbose, err := flags()
	if err != nil {
		return false, err
	}
	root, err := os.Getwd()
	if err != nil {
		return false, err
	}
	changes, err := watch(ctx, root)
	if err != nil {
		return false, err
	}
	surroundings, err := demo.Start(ctx, o)
	if err != nil {
		return false, err
	}
	surroundings.Config.LogLevel = slog.LevelWarn
	if verbose {
		surroundings.Config.LogLevel = slog.LevelInfo
	}
	front := newFront(filepath.Join(root, assets))
	d := &dev{root: root, env: environ(surroundings.Config), owner: surroundings.OwnerURL(), front: front, pages: templates{}}
	defer func() {
		d.stop()
		err = errors.Join(err, front.Close(), surroundings.Stop())
	}()
	go func() { _ = front.Serve(surroundings.Listener) }() // until it is closed
	fmt.Println("mail", surroundings.MailURL())
	if err := d.first(ctx); err == nil {
		fmt.Println("ready", surroundings.Config.BaseURL)
	} else if ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, err)
		fmt.Println("failed; it is tried again when something is saved")
	}
	return d.follow(ctx, changes), nil
}
