package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// refusalRate is how many refusals of one actor stand on the trail one by one.
// More are summed up, or anybody could fill it.
var refusalRate = store.Rate{Every: time.Minute, Burst: 20}

// rareRate is how many of them besides stand there of each thing that was tried,
// or the one that matters could hide behind many that do not.
var rareRate = store.Rate{Every: time.Hour, Burst: 2}

// strangersRate is that of everybody together who has not signed in.
var strangersRate = store.Rate{Every: 5 * time.Second, Burst: 200}

// AppendRefusal is Append for something that was refused, which its actor can
// try any number of times; what names it, of which there are few. Beyond the
// first ones they are counted, and SumUpRefusals records how many there were.
// Strangers are as many as there are networks that they come from.
func AppendRefusal(ctx context.Context, tx pgx.Tx, e portal.Event, what string) error {
	key, stranger := "refusal "+e.Actor.Issuer+" "+e.Actor.Subject, e.Actor.Issuer == portal.SystemIssuer
	network := portal.Network(originOf(ctx, e.Actor.Identity).Address)
	if stranger {
		key += " " + network
	}
	wait, err := refusalRate.Admit(ctx, tx, key, 1, e.At)
	if err == nil && wait > 0 {
		wait, err = rareRate.Admit(ctx, tx, key+" "+what, 1, e.At)
	}
	if err == nil && wait == 0 && stranger {
		wait, err = strangersRate.Admit(ctx, tx, "refusal of strangers", 1, e.At)
	}
	if err != nil {
		return err
	}
	if wait == 0 {
		return Append(ctx, tx, e)
	}
	tried := line(e.Summary)
	if stranger {
		tried = "from " + network + ": " + tried
	}
	e.Actor.Name = word(e.Actor.Name)
	return store.CountRefusal(ctx, tx, e.Kind, e.Actor, cut(tried, mostSummary), e.At)
}

// SumUpRefusals records how many refusals there were that have no line of their
// own. A task calls it.
func SumUpRefusals(ctx context.Context, tx pgx.Tx, now time.Time) error {
	list, err := store.TakeRefusals(ctx, tx)
	if err != nil {
		return err
	}
	for _, r := range list {
		err := Append(ctx, tx, portal.Event{
			At: now, Kind: r.Kind, Actor: r.Person,
			Summary: fmt.Sprintf("%s was refused %d more times", r.Person.Name, r.Number),
			Data:    map[string]any{"number": r.Number, "tried": r.Tried, "from": r.From.UTC(), "to": r.To.UTC()},
		})
		if err != nil {
			return err
		}
	}
	return nil
}
