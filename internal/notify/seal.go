package notify

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
)

// newSeal derives the key that seals the targets of channels from a secret of
// the configuration. A new secret makes them unreadable; they are then entered
// anew.
func newSeal(secret string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "doks-portal notification targets", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// target is where a channel leads.
type target struct {
	Address string `json:"address,omitempty"` // of mail
	URL     string `json:"url,omitempty"`
	Secret  string `json:"secret,omitempty"` // that webhooks are signed with
}

// sealed encrypts a channel's target. It can be opened for the same channel
// only.
func (s *Service) sealed(t target, channelID string) ([]byte, error) {
	plain, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	return s.seal.Seal(nil, nil, plain, []byte(channelID)), nil
}

func (s *Service) open(box []byte, channelID string) (target, error) {
	var t target
	plain, err := s.seal.Open(nil, nil, box, []byte(channelID))
	if err != nil {
		return t, err
	}
	return t, json.Unmarshal(plain, &t)
}
