// Package seal encrypts what the database must not give away: the tokens of the
// identity provider, and where channels lead. The key is derived from a secret of
// the configuration, one for each purpose.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
)

// Seal encrypts values, each for an owner.
type Seal struct{ aead cipher.AEAD }

// New derives the key of a purpose from a secret. Another secret makes what was
// sealed unreadable.
func New(secret, purpose string) (Seal, error) {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "doks-portal "+purpose, 32)
	if err != nil {
		return Seal{}, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return Seal{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return Seal{aead}, err
}

// Close encrypts v. It can be opened for the same owner only, so that nobody who
// can write to the database can hand what is one's to another.
func (s Seal) Close(v any, owner string) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return s.aead.Seal(nil, nil, plain, []byte(owner)), nil
}

// Open decrypts what Close has encrypted for an owner into v.
func (s Seal) Open(sealed []byte, owner string, v any) error {
	plain, err := s.aead.Open(nil, nil, sealed, []byte(owner))
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, v)
}
