package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
)

// newSeal derives the key that seals what the database must not give away from
// the client secret. A new secret makes what was sealed unreadable, and people
// sign in again.
func newSeal(clientSecret string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(clientSecret), nil, "doks-portal session tokens", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// sealFor encrypts v. It can be opened by the same owner only, so that nobody
// who can write to the database can hand one person's tokens to another.
func (a *Auth) sealFor(v any, owner string) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return a.seal.Seal(nil, nil, plain, []byte(owner)), nil
}

func (a *Auth) open(box []byte, owner string, v any) error {
	plain, err := a.seal.Open(nil, nil, box, []byte(owner))
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, v)
}
