package audit

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"
)

// The trail says some things of itself that verifying rests on. Whoever can write to
// the database can write such an event; so it is believed only with a statement that
// the trail's key has signed: a signed note of two lines, what it is and what it says.
// The second is no number, so that no statement can be taken for a checkpoint.
const (
	formArchive  = "doks-portal audit archive 1"
	formRotation = "doks-portal audit key 1"
	formTold     = "doks-portal audit told 1"
	formExported = "doks-portal audit export 1"
)

// statementKey is where the details of an event have the statement.
const statementKey = "statement"

// archive says that the events of a month have left the database: those whose ids are
// from one on and below another, as UUIDs are ordered.
type archive struct {
	Origin     string    `json:"origin"`
	From       uuid.UUID `json:"from"`
	To         uuid.UUID `json:"to"`
	Events     int64     `json:"events"`
	Kept       int64     `json:"kept"`  // of these, that stay in the database: see keptKinds
	First      int64     `json:"first"` // smallest number
	Last       int64     `json:"last"`
	SHA256     string    `json:"sha256"`     // of the bundle
	Checkpoint string    `json:"checkpoint"` // under which all of them are, and which the proofs of the bundle are of
}

// rotation says which key signs instead of which. Both have signed it.
type rotation struct {
	Origin string `json:"origin"`
	Key    string `json:"key"`
	Before string `json:"before"`
}

// told says that what events tell of was long ago when they were recorded, from one
// number up to and including another.
type told struct {
	Origin string `json:"origin"`
	First  int64  `json:"first"`
	Last   int64  `json:"last"`
}

var errStatement = errors.New("no statement of the trail")

// state has signers state something.
func state(form string, says any, signers ...Signer) (string, error) {
	text, err := statementText(form, says)
	if err != nil {
		return "", err
	}
	var with []note.Signer
	for _, s := range signers {
		with = append(with, s)
	}
	signed, err := note.Sign(&note.Note{Text: text}, with...)
	return string(signed), err
}

func statementText(form string, says any) (string, error) {
	line, err := json.Marshal(says, json.Deterministic(true))
	return form + "\n" + string(line) + "\n", err
}

// openStatement reads what the statement in the details of an event says, which one
// of the keys at least has signed. It returns how many have.
func openStatement(details []byte, form string, says any, keys ...note.Verifier) (signatures int, err error) {
	var data struct {
		Statement string `json:"statement"`
	}
	if err := json.Unmarshal(details, &data); err != nil {
		return 0, err
	}
	return openSigned(data.Statement, form, says, keys...)
}

// openSigned is openStatement for the statement alone.
func openSigned(signed, form string, says any, keys ...note.Verifier) (signatures int, err error) {
	n, err := note.Open([]byte(signed), note.VerifierList(keys...))
	if err != nil {
		return 0, err
	}
	line, is := strings.CutPrefix(n.Text, form+"\n")
	if !is {
		return 0, errStatement
	}
	if err := json.Unmarshal([]byte(line), says, json.RejectUnknownMembers(true)); err != nil {
		return 0, fmt.Errorf("%w: %w", errStatement, err)
	}
	if text, err := statementText(form, says); err != nil || text != n.Text {
		return 0, errStatement
	}
	return len(n.Sigs), nil
}

// readRotation is what the details of an event say of keys, if both have signed that.
func readRotation(details []byte) (r rotation, ok bool) {
	var named struct {
		Key    string `json:"key"`
		Before string `json:"before"`
	}
	if json.Unmarshal(details, &named) != nil {
		return r, false
	}
	key, err := note.NewVerifier(named.Key)
	if err != nil {
		return r, false
	}
	before, err := note.NewVerifier(named.Before)
	if err != nil || key.Name() != before.Name() {
		return r, false
	}
	signatures, err := openStatement(details, formRotation, &r, key, before)
	return r, err == nil && signatures == 2 && r == rotation{Origin: key.Name(), Key: named.Key, Before: named.Before}
}
