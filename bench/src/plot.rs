// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plots of the page, as SVG.

use std::path::Path;

use plotters::prelude::*;

use crate::Result;

const SIZE: (u32, u32) = (720, 400);
const COLOURS: [RGBColor; 2] = [RGBColor(0, 90, 181), RGBColor(150, 150, 150)];

/// A line of a plot.
pub struct Series {
    name: &'static str,
    points: Vec<(f64, f64)>,
}

impl Series {
    pub fn new(name: &'static str, points: Vec<(f64, f64)>) -> Self {
        Self { name, points }
    }
}

/// Two lines over a logarithmic axis.
pub struct Plot {
    pub horizontal: &'static str,
    pub vertical: &'static str,
    pub series: [Series; 2],
}

impl Plot {
    pub fn draw(&self, file: &Path) -> Result<()> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let right = points().map(|point| point.0).fold(1.0, f64::max);
        let top = points().map(|point| point.1).fold(0.0, f64::max);
        let area = SVGBackend::new(file, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(60)
            .build_cartesian_2d((1.0..right).log_scale(), 0.0..top * 1.1)?;
        chart
            .configure_mesh()
            .x_desc(self.horizontal)
            .y_desc(self.vertical)
            .x_label_formatter(&|value| format!("{value:.0}"))
            .draw()?;
        for (series, colour) in self.series.iter().zip(COLOURS) {
            chart
                .draw_series(LineSeries::new(series.points.clone(), colour.stroke_width(2)))?
                .label(series.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
            let dots = series.points.iter();
            chart.draw_series(dots.map(|point| Circle::new(*point, 3, colour.filled())))?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .border_style(BLACK)
            .draw()?;
        Ok(area.present()?)
    }
}
