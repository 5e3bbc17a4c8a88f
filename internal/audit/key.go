package audit

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
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
	v, err := note.NewVerifier(public)
	return Signer{Signer: s, Public: public, verifier: v}, err
}

// keyring are the keys that signatures are taken from.
type keyring struct {
	trusted []note.Verifier // those given, and those that came after them
	before  []note.Verifier // that the trusted ones have replaced
}

// newKeyring follows the rotations. A key is trusted when one that is trusted has
// signed that it comes next; a key that a trusted one has replaced vouches only for
// what is under a checkpoint of a trusted one as well, as it may have got out since.
func newKeyring(keys []string, rotations []rotation) (*keyring, error) {
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
	for known := 0; known < len(k.all()); { // they may come in any order
		known = len(k.all())
		for _, r := range rotations {
			key, before := verifierOf(r.Key), verifierOf(r.Before)
			switch {
			case has(k.trusted, before):
				k.trusted = add(k.trusted, key)
			case has(k.trusted, key) || has(k.before, key):
				k.before = add(k.before, before)
			}
		}
	}
	k.before = slices.DeleteFunc(k.before, func(v note.Verifier) bool { return has(k.trusted, v) })
	return k, nil
}

// verifierOf reads a public key that was read before.
func verifierOf(key string) note.Verifier {
	v, err := note.NewVerifier(key)
	if err != nil {
		panic(err)
	}
	return v
}

func has(list []note.Verifier, key note.Verifier) bool {
	return slices.ContainsFunc(list, func(v note.Verifier) bool { return v.Name() == key.Name() && v.KeyHash() == key.KeyHash() })
}

func add(list []note.Verifier, key note.Verifier) []note.Verifier {
	if has(list, key) {
		return list
	}
	return append(list, key)
}

// all are the keys that may have signed what is old.
func (k *keyring) all() []note.Verifier { return slices.Concat(k.trusted, k.before) }

// open reads a checkpoint that one of the keys has signed, and reports whether a
// trusted one has.
func (k *keyring) open(text string) (c Checkpoint, trusted bool, err error) {
	if c, err = openCheckpoint(text, note.VerifierList(k.trusted...)); err == nil {
		return c, true, nil
	}
	c, err = openCheckpoint(text, note.VerifierList(k.all()...))
	return c, false, err
}
