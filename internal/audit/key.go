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

// keyring are the keys that signatures are taken from: those given, and those that
// the trail has named under a checkpoint of one that is taken already.
type keyring struct {
	verifiers []note.Verifier
	rotations []rotation
}

func newKeyring(keys []string, rotations []rotation) (*keyring, error) {
	k := &keyring{rotations: rotations}
	for _, key := range keys {
		if err := k.add(key); err != nil {
			return nil, err
		}
	}
	if len(k.verifiers) == 0 {
		return nil, errors.New("a key is needed to verify the signatures")
	}
	// Whoever has signed a trail that says which key came before vouches for that.
	for _, r := range slices.Backward(rotations) {
		if next, err := note.NewVerifier(r.Key); err == nil && k.has(next) {
			_ = k.add(r.Before) // which may be none, if somebody changed the event
		}
	}
	return k, nil
}

func (k *keyring) has(key note.Verifier) bool {
	return slices.ContainsFunc(k.verifiers, func(v note.Verifier) bool { return v.Name() == key.Name() && v.KeyHash() == key.KeyHash() })
}

func (k *keyring) add(key string) error {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return fmt.Errorf("the key %q is none that checkpoints are verified with", key)
	}
	if !k.has(verifier) {
		k.verifiers = append(k.verifiers, verifier)
	}
	return nil
}

func (k *keyring) open(text string) (Checkpoint, error) {
	c, err := openCheckpoint(text, note.VerifierList(k.verifiers...))
	if err != nil {
		return c, err
	}
	for len(k.rotations) > 0 && k.rotations[0].number < c.Size {
		_ = k.add(k.rotations[0].Key) // which may be none, if somebody changed the event
		k.rotations = k.rotations[1:]
	}
	return c, nil
}
