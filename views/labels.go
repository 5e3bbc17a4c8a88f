package views

import (
	"context"

	"doksportal/internal/portal"
)

type labelsKey struct{}

// WithGroupLabels returns a context in which pages call groups by their labels.
func WithGroupLabels(ctx context.Context, labels portal.GroupLabels) context.Context {
	return context.WithValue(ctx, labelsKey{}, labels)
}

// labelsOf are the labels of groups for the page that is rendered.
func labelsOf(ctx context.Context) portal.GroupLabels {
	labels, _ := ctx.Value(labelsKey{}).(portal.GroupLabels)
	return labels
}
