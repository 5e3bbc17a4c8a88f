// Command portal is a self-service portal for DigitalOcean Kubernetes: the pages
// and the background work (serve), the schema of its database (migrate),
// everything on one machine (demo), a DigitalOcean to try against (simulator),
// the rules on requests (policy) and the proof of the trail (audit). There is one file for each subcommand;
// serve.go puts the parts together.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // the time zones of policies and people are known on every machine

	"github.com/alecthomas/kong"
)

// commands are what the program can do.
type commands struct {
	Serve     serveCmd     `cmd:"" help:"Serve the portal, configured by PORTAL_* variables."`
	Migrate   migrateCmd   `cmd:"" help:"Bring the database schema up to date, or look at it."`
	Audit     auditCmd     `cmd:"" help:"Prove the audit trail."`
	Policy    policyCmd    `cmd:"" help:"Look at policies."`
	Demo      demoCmd      `cmd:"" help:"Run the portal with a private Postgres, a simulated DigitalOcean and a local sign-in."`
	Simulator simulatorCmd `cmd:"" help:"Run the simulated DigitalOcean alone, for clients that are pointed at it."`
}

// wrongUse is the exit status of a command that was not understood, as of other
// programs; kong has larger ones.
const wrongUse = 2

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c commands
	command := kong.Parse(&c, kong.Name("portal"), kong.Description("A self-service portal for DigitalOcean Kubernetes."),
		kong.UsageOnError(), kong.Exit(func(status int) { os.Exit(min(status, wrongUse)) }), kong.BindTo(ctx, (*context.Context)(nil)))
	if err := command.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "portal:", err)
		os.Exit(exitStatus(command.Command(), err))
	}
}
