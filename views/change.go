package views

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"doksportal/internal/portal"
	"doksportal/views/ui"
)

// field describes the control of a field, with what is wrong with it.
func field(p ChangePage, name, label, help string) ui.FieldProps {
	return ui.FieldProps{Name: name, Label: label, Help: help, Fault: fault(p.Faults, name)}
}

// haHelp says what high availability is and costs.
var haHelp = "of the control plane; " + monthly(portal.HAMonthlyCents) + ", cannot be switched off again"

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

func submitLabel(op portal.OperationID) string {
	switch {
	case op == portal.RecycleNodePool:
		return "Request recycling"
	case op.Risk() == portal.RiskDestructive, op.Risk() == portal.RiskDangerous:
		return "Request deletion"
	case op.Risk() == portal.RiskDiagnostic:
		return "Run clusterlint"
	}
	return "Submit request"
}

func submitColour(op portal.OperationID) string {
	if risk := op.Risk(); risk == portal.RiskDestructive || risk == portal.RiskDangerous {
		return "btn-error"
	}
	return "btn-primary"
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

// sizeOptions puts the sizes that the team may use first.
func sizeOptions(sizes []portal.Size, quota portal.Quota) []ui.OptionGroup {
	allowed := ui.OptionGroup{Label: "In the team's quota"}
	other := ui.OptionGroup{Label: "Not in the team's quota"}
	for _, s := range sizes {
		o := ui.Option{Value: s.Slug, Label: sizeLabel(s)}
		if _, ok := quota.Sizes[s.Slug]; ok {
			allowed.Options = append(allowed.Options, o)
		} else {
			other.Options = append(other.Options, o)
		}
	}
	if len(allowed.Options) == 0 {
		return []ui.OptionGroup{{Options: other.Options}}
	}
	return []ui.OptionGroup{allowed, other}
}

func sizeLabel(s portal.Size) string {
	if s.VCPUs == 0 {
		return s.Slug
	}
	return fmt.Sprintf("%s: %d vCPU, %d GiB, %s", s.Slug, s.VCPUs, s.MemoryMiB/1024, monthly(s.MonthlyCents))
}
