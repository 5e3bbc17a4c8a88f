// Package rulebook keeps the versions of the policy and knows which of them is
// in force.
package rulebook

import (
	"context"

	"doksportal/internal/policy"
	"doksportal/internal/store"
)

// Book keeps the policy. All members must be set.
type Book struct {
	PlatformApprovers string // group of the platform approvers; empty when there is none
}

// InForce returns the policy that is in force as q sees it: with a
// transaction, it is the one that the transaction decides by.
func (b *Book) InForce(_ context.Context, _ store.Querier) (*policy.Policy, error) {
	return &policy.Policy{Version: 1, PlatformApprovers: b.PlatformApprovers}, nil
}
