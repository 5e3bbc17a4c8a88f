package views

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"doksportal/internal/portal"
	"doksportal/views/ui"
)

// field describes the control of a field, with what is wrong with it and, of
// something that is changed, what it is now.
func field(p ChangePage, name, label, help string) ui.FieldProps {
	f := ui.FieldProps{Name: name, Label: label, Help: help, Fault: fault(p.Faults, name)}
	if p.Before != nil {
		before := p.Before.Typed(name)
		f.Before, f.Changed = &before, strings.ReplaceAll(p.Draft.Form.Typed(name), "\r\n", "\n") != before
	}
	return f
}

func required(f ui.FieldProps) ui.FieldProps {
	f.Required = true
	return f
}

func about(f ui.FieldProps, text string) ui.FieldProps {
	f.About = text
	return f
}

// haHelp says what high availability is and costs.
var haHelp = "of the control plane; " + monthly(portal.HAMonthlyCents) + ", cannot be switched off again"

// startHelp says in which time zone a time is typed.
func startHelp(zone string) string {
	if zone == "" {
		return "In your time zone, or in UTC if the page cannot tell it."
	}
	return "In your time zone, " + zone + "."
}

func anyFault(faults []portal.FieldError, names ...string) bool {
	return slices.ContainsFunc(faults, func(f portal.FieldError) bool { return slices.Contains(names, f.Field) })
}

func contains(list []string, s string) bool { return slices.Contains(list, s) }

func orText(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// planTrigger says when the plan is renewed. Where each renewal looks at
// DigitalOcean it waits until a field is left.
func planTrigger(op portal.OperationID) string {
	if op.Deletes() || op == portal.UpgradeCluster {
		return "change"
	}
	return "input delay:250ms"
}

// destroys reports whether an operation ends something that cannot be brought
// back.
func destroys(op portal.OperationID) bool {
	return op.Risk() == portal.RiskDestructive || op.Risk() == portal.RiskDangerous
}

// submitLabel says what the button does. Those of deletions name what they delete.
func submitLabel(d portal.Draft) string {
	switch op := d.Operation; {
	case op == portal.RecycleNodePool:
		return "Recycle the selected nodes of " + d.Pool.Name
	case op == portal.DeleteNodePool:
		return "Delete " + d.Pool.Name + " and " + count(d.Pool.Count, "node", "nodes")
	case op == portal.DeleteNode:
		return "Delete " + orText(d.Node.Name, d.Node.ID)
	case op.Deletes():
		return "Delete " + d.Cluster.Name
	case op.Risk() == portal.RiskDiagnostic:
		return "Run clusterlint"
	}
	return "Submit request"
}

func submitColour(op portal.OperationID) string {
	if destroys(op) {
		return "btn-error"
	}
	return "btn-primary"
}

// danger says what cannot be undone about an operation.
func danger(op portal.OperationID) string {
	switch {
	case op.Deletes():
		return "A deleted cluster cannot be brought back, nor can the data on what is deleted with it."
	case op == portal.DeleteNodePool:
		return "A deleted pool cannot be brought back, nor can the data on the disks of its nodes."
	}
	return "The data on the disk of a node that is deleted cannot be brought back."
}

func whyLabel(op portal.OperationID) string {
	switch {
	case op.Deletes():
		return "Reason"
	case op.Risk() == portal.RiskDiagnostic:
		return "Reason (optional)"
	}
	return "Reason"
}

// lifetimes are how long access may last, the usual first.
func lifetimes(longest time.Duration) []ui.OptionGroup {
	var g ui.OptionGroup
	for _, d := range []time.Duration{8 * time.Hour, 4 * time.Hour, 2 * time.Hour, time.Hour, 30 * time.Minute, 10 * time.Minute} {
		if d > longest {
			continue
		}
		g.Options = append(g.Options, ui.Option{Value: strconv.Itoa(int(d.Minutes())), Label: portal.DurationText(d)})
	}
	return []ui.OptionGroup{g}
}

func registryHelp(op portal.OperationID) string {
	if op == portal.AddRegistry || op == portal.RemoveRegistry {
		return ""
	}
	return "those named below"
}

// onOffOptions are the choices for a component.
var onOffOptions = []ui.OptionGroup{{Options: []ui.Option{{Value: "on", Label: "on"}, {Value: "off", Label: "off"}}}}

func dayOptions() []ui.OptionGroup {
	var g ui.OptionGroup
	for _, d := range portal.Days {
		g.Options = append(g.Options, ui.Option{Value: d, Label: d})
	}
	return []ui.OptionGroup{g}
}

func teamOptions(teams []portal.Team) []ui.OptionGroup {
	var g ui.OptionGroup
	for _, t := range teams {
		g.Options = append(g.Options, ui.Option{Value: t.Slug, Label: t.Name})
	}
	return []ui.OptionGroup{g}
}

func environmentOptions() []ui.OptionGroup {
	var g ui.OptionGroup
	for _, e := range portal.Environments {
		g.Options = append(g.Options, ui.Option{Value: string(e), Label: string(e)})
	}
	return []ui.OptionGroup{g}
}

func choices(list []portal.Choice) []ui.OptionGroup {
	var g ui.OptionGroup
	for _, c := range list {
		label := c.Name
		if c.Name != c.Slug {
			label += " (" + c.Slug + ")"
		}
		g.Options = append(g.Options, ui.Option{Value: c.Slug, Label: label})
	}
	return []ui.OptionGroup{g}
}

// versionOptions tells the newest of the versions that are offered.
func versionOptions(versions []portal.Choice) []ui.OptionGroup {
	var g ui.OptionGroup
	for i, v := range versions {
		label := v.Slug
		if i == 0 {
			label += ", newest"
		}
		g.Options = append(g.Options, ui.Option{Value: v.Slug, Label: label})
	}
	return []ui.OptionGroup{g}
}
