/// A public data set with a layout of its own.
package enum DataSet: String, Sendable, CaseIterable {
    /// M&Ms (Campello et al., IEEE TMI 2021): 4-D cine, frames named in a table; a cohort per centre.
    case mnms
    /// M&Ms-2 (Martín-Isla et al., IEEE JBHI 2023): end diastole and end systole as files; a cohort per vendor.
    case mnms2
    /// ACDC (Bernard et al., IEEE TMI 2018): `Info.cfg` names the frames; one cohort.
    case acdc
    /// EMIDEC (Lalande et al., Data 2020): late enhancement with infarct and no-reflow; one cohort.
    case emidec
    /// MSCMRSeg (Zhuang, IEEE TPAMI 2019): its late-enhancement images; one cohort.
    case mscmr

    /// The classes in the internal order, the background first.
    package var classes: [String] {
        switch self {
        case .emidec: ["background", "LV", "MYO", "infarct", "no-reflow"]
        default: ["background", "LV", "MYO", "RV"]
        }
    }

    /// What the label files hold for each class; nil: 0, 1, 2, ….
    package var labelValues: [Int]? {
        switch self {
        case .mnms, .mnms2, .emidec: nil
        case .acdc: [0, 3, 2, 1]
        case .mscmr: [0, 500, 200, 600]
        }
    }

    /// The images' sequence.
    package var sequence: String {
        switch self {
        case .emidec: "LGE-PSIR"
        case .mscmr: "LGE"
        default: "bSSFP"
        }
    }
}
