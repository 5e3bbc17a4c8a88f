package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"doksportal/internal/demo"
	"doksportal/static"
)

type demoCmd struct {
	Listen    string `default:"127.0.0.1:8080" help:"Address of the portal."`
	Simulator string `default:"127.0.0.1:8081" help:"Address of the simulated DigitalOcean."`
	Issuer    string `default:"127.0.0.1:8082" help:"Address of the local sign-in, and of the mails that the portal sends."`
	Data      string `help:"Directory of the data; by default under the user's state directory."`
	Fresh     bool   `help:"Begin again, without the data of earlier runs."`
	Story     bool   `default:"true" help:"Begin with a company that has been at work for 90 days; --story=false begins with two teams and three clusters."`

	StepUpMaxAge time.Duration `default:"5m" help:"How old a sign-in may be to approve, to destroy and to get access."`

	Verbose bool `help:"Log every request."`
}

// Run runs the demo until ctx ends.
func (c demoCmd) Run(ctx context.Context) error {
	if _, _, err := static.Dist(); err != nil {
		return err
	}
	if c.Data == "" {
		var err error
		if c.Data, err = demo.DefaultData(); err != nil {
			return err
		}
	}
	d, err := demo.Start(ctx, demo.Options{
		Listen: c.Listen, Simulator: c.Simulator, Issuer: c.Issuer, Data: c.Data, Fresh: c.Fresh, Story: c.Story, StepUpMaxAge: c.StepUpMaxAge})
	if err != nil {
		return err
	}
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelInfo
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	err = serve(ctx, d.Config, d.Listener, logger, func() {
		fmt.Println("mail", d.MailURL())
		fmt.Println("ready", d.Config.BaseURL)
	})
	return errors.Join(err, d.Stop())
}
