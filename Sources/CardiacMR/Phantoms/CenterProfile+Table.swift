extension CenterProfile {
    /// Profiles measured on public data sets: M&Ms centers 1 to 4, ACDC, EMIDEC, MSCMRSeg. Fields of view
    /// are ordered as pixel size times matrix are, with the spread over all centers that was measured: 369 ± 46 by
    /// 329 ± 43 mm.
    package static let table: [CenterProfile] = [
        CenterProfile(
            vendor: "Siemens", sequence: .balancedSteadyState, leftBlood: .init(0.37, 0.12),
            myocardium: .init(0.11, 0.04), rightBlood: .init(0.37, 0.11), scar: 0.3, noReflow: 0.1,
            surroundMedian: 0.10, surroundHigh: 0.55, noise: 0.013, fieldOfView: 312, sliceSpacing: 9...10,
            rawScale: 650),
        CenterProfile(
            vendor: "Philips", sequence: .balancedSteadyState, leftBlood: .init(0.71, 0.10),
            myocardium: .init(0.25, 0.04), rightBlood: .init(0.65, 0.09), scar: 0.5, noReflow: 0.2,
            surroundMedian: 0.16, surroundHigh: 0.73, noise: 0.027, fieldOfView: 366, sliceSpacing: 10...10,
            rawScale: 190),
        CenterProfile(
            vendor: "Philips", sequence: .balancedSteadyState, leftBlood: .init(0.79, 0.06),
            myocardium: .init(0.26, 0.04), rightBlood: .init(0.70, 0.05), scar: 0.5, noReflow: 0.2,
            surroundMedian: 0.10, surroundHigh: 0.66, noise: 0.025, fieldOfView: 406, sliceSpacing: 6...10,
            rawScale: 1835),
        CenterProfile(
            vendor: "GE", sequence: .balancedSteadyState, leftBlood: .init(0.62, 0.10),
            myocardium: .init(0.22, 0.05), rightBlood: .init(0.54, 0.11), scar: 0.4, noReflow: 0.2,
            surroundMedian: 0.19, surroundHigh: 0.71, noise: 0.02, fieldOfView: 367, sliceSpacing: 10...10,
            rawScale: 1170),
        CenterProfile(
            vendor: "Siemens", sequence: .balancedSteadyState, leftBlood: .init(0.67, 0.14),
            myocardium: .init(0.27, 0.08), rightBlood: .init(0.57, 0.15), scar: 0.5, noReflow: 0.2,
            surroundMedian: 0.17, surroundHigh: 0.6, noise: 0.02, fieldOfView: 317, sliceSpacing: 5...10,
            rawScale: 1000),
        CenterProfile(
            vendor: "Siemens", sequence: .phaseSensitiveEnhancement, leftBlood: .init(0.71, 0.05),
            myocardium: .init(0.63, 0.06), rightBlood: .init(0.70, 0.05), scar: 0.66, noReflow: 0.61,
            surroundMedian: 0.67, surroundHigh: 0.82, noise: 0.01, fieldOfView: 310, sliceSpacing: 10...13,
            rawScale: 3500),
        CenterProfile(
            vendor: "Philips", sequence: .magnitudeEnhancement, leftBlood: .init(0.37, 0.14),
            myocardium: .init(0.15, 0.06), rightBlood: .init(0.32, 0.13), scar: 0.37, noReflow: 0.15,
            surroundMedian: 0.12, surroundHigh: 0.40, noise: 0.02, fieldOfView: 383, sliceSpacing: 5...10,
            rawScale: 1100),
    ]
}
