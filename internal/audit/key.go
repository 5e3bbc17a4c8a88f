package audit

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// NewKey makes a key to sign checkpoints with. name is that of the trail, like
// portal.example.com/audit. It is the portal's alone.
func NewKey(name string) (string, error) {
	private, _, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", errors.New("the name of a key has no spaces and no plus sign")
	}
	return private, nil
}

// A Signer signs checkpoints.
type Signer struct {
	note.Signer
	// Public is the key by which everybody can verify, in the form of signed notes.
	Public   string
	verifier note.Verifier
	vouching []byte // key by which processes vouch for events
}

// ParseKey reads a key that NewKey has made.
func ParseKey(private string) (Signer, error) {
	s, err := note.NewSigner(private)
	if err != nil {
		return Signer{}, errors.New("this is no key that `portal audit key` has made")
	}
	_, encoded, _ := strings.Cut(private, fmt.Sprintf("+%08x+", s.KeyHash()))
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return Signer{}, err
	}
	public, err := note.NewEd25519VerifierKey(s.Name(), ed25519.NewKeyFromSeed(key[1:]).Public().(ed25519.PublicKey))
	if err != nil {
		return Signer{}, err
	}
	vouching, err := hkdf.Key(sha256.New, key, nil, "doks-portal events", sha256.Size)
	if err != nil {
		return Signer{}, err
	}
	v, err := note.NewVerifier(public)
	return Signer{Signer: s, Public: public, verifier: v, vouching: vouching}, err
}

// keyring are the keys that signatures are taken from.
type keyring struct {
	trusted []note.Verifier // those given, and those that came after them
	before  []replacedKey
}

// replacedKey is one that a trusted key has replaced. It may have got out since, so it
// vouches only for checkpoints of what is under one of a trusted key as well, and for
// what the trail said of itself before it was replaced.
type replacedKey struct {
	note.Verifier
	until int64 // the number of the event that says so
}

// keyChange is a rotation, with the number of its event; negative while that has none.
type keyChange struct {
	rotation
	number int64
}

// newKeyring follows the rotations. A key is trusted when one that is trusted has
// signed that it comes next.
func newKeyring(keys []string, changes []keyChange) (*keyring, error) {
	k := &keyring{}
	for _, key := range keys {
		verifier, err := note.NewVerifier(key)
		if err != nil {
			return nil, fmt.Errorf("the key %q is none that checkpoints are verified with", key)
		}
		k.trusted = add(k.trusted, verifier)
	}
	if len(k.trusted) == 0 {
		return nil, errors.New("a key is needed to verify the signatures")
	}
	for known := 0; known < len(k.trusted); { // they may come in any order
		known = len(k.trusted)
		for _, c := range changes {
			if has(k.trusted, verifierOf(c.Before)) {
				k.trusted = add(k.trusted, verifierOf(c.Key))
			}
		}
	}
	for k.lookBack(changes) {
	}
	return k, nil
}

// lookBack adds the keys that those known have replaced, each as of the first event
// that says so: whoever has an old key can put in what was signed then once more, and
// sign that it has replaced others. It reports whether there were any.
func (k *keyring) lookBack(changes []keyChange) bool {
	known := k.all()
	var found []replacedKey
	for _, c := range changes {
		before := replacedKey{verifierOf(c.Before), c.number}
		if c.number < 0 {
			before.until = math.MaxInt64
		}
		if has(known, before) || !k.vouches(verifierOf(c.Key), before.until) {
			continue
		}
		i := slices.IndexFunc(found, func(r replacedKey) bool { return same(r, before) })
		if i < 0 {
			found = append(found, before)
		} else {
			found[i].until = min(found[i].until, before.until)
		}
	}
	k.before = append(k.before, found...)
	return len(found) > 0
}

// vouches reports whether a key may sign what the trail says of itself in the event
// with a number.
func (k *keyring) vouches(key note.Verifier, number int64) bool { return has(k.at(number), key) }

// at are the keys that may have signed what the trail says of itself in the event
// with a number.
func (k *keyring) at(number int64) []note.Verifier {
	list := slices.Clone(k.trusted)
	for _, r := range k.before {
		if number < r.until {
			list = append(list, r.Verifier)
		}
	}
	return list
}

// told is what an event says was told later, if it may.
func (k *keyring) told(e ownEvent) (t told, err error) {
	_, err = openStatement(e.Data, formTold, &t, k.at(e.Number)...)
	if err == nil && (t.Last >= e.Number || t.Origin != k.origin()) {
		err = errStatement
	}
	return t, err
}

// origin names the trail.
func (k *keyring) origin() string { return k.trusted[0].Name() }

// verifierOf reads a public key that was read before.
func verifierOf(key string) note.Verifier {
	v, err := note.NewVerifier(key)
	if err != nil {
		panic(err)
	}
	return v
}

func has(list []note.Verifier, key note.Verifier) bool {
	return slices.ContainsFunc(list, func(v note.Verifier) bool { return same(v, key) })
}

func same(a, b note.Verifier) bool { return a.Name() == b.Name() && a.KeyHash() == b.KeyHash() }

func add(list []note.Verifier, key note.Verifier) []note.Verifier {
	if has(list, key) {
		return list
	}
	return append(list, key)
}

// all are the keys that may have signed what is old.
func (k *keyring) all() []note.Verifier { return k.at(-1) }

// open reads a checkpoint that one of the keys has signed, and reports whether a
// trusted one has.
func (k *keyring) open(text string) (c Checkpoint, trusted bool, err error) {
	if c, err = openCheckpoint(text, note.VerifierList(k.trusted...)); err == nil {
		return c, true, nil
	}
	c, err = openCheckpoint(text, note.VerifierList(k.all()...))
	return c, false, err
}
